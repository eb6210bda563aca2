"""From the whole voice to the mouth shape of every result frame, at any frame rate.

Shapes are computed on a fixed grid of instants, 40 a second, smoothed there, and read off at the
instants of the frames. A value of the grid depends on its place in the voice alone, so that a video
rendered in pieces moves exactly as one rendered whole.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.ndimage import gaussian_filter1d, grey_opening, maximum_filter1d
from torch import nn

from wav2lip.audio import MEL_RATE, SILENCE
from wav2lip.compact import voice_activity, voice_net

GRID_RATE = voice_net.ANSWER_RATE
# Jitter of the voice net goes, closures of p, b and m (some 80 ms) stay.
SMOOTHING = 0.035  # seconds, sigma
# Regression shrinks towards the mean: without this the mouth barely opens.
GAIN = 2.2
# Excursions beyond these were hardly seen in training, and drawn badly.
LIMIT = 3.0

# Sound at least so far above the voice's own floor, as a share of its range, is speech; an 8th of a
# unit of mel is 1.6 dB. Below the quietest level nothing is heard at all.
SPEECH_SHARE = 0.3
SPEECH_SLOPE = 0.12
QUIETEST = -3.2
# Recordings whose 95th percentile of the level is below this are quieter than those that the speech
# net learned from, and are made louder for it.
FAINT = -1.5
# A mouth opens a little before it is heard and closes a little after: so much, in seconds. Into a
# noise that goes on speech seems to last longer than it does, for the moment over which its odds
# are taken: there the mouth is held open for less.
LEAD, HELD = 0.10, 0.05
EASE = 0.05  # seconds, sigma
# What is shorter is a click, not speech; in instants of the grid.
CLICK = 3
# Sounds with so much digital silence between them, in seconds, are different recordings.
PAUSE = 2.0
_REACH = 0.4  # seconds of context on both sides that the above can look at


@dataclass(frozen=True)
class Speaker:
    """A usual speaker in units of mouth shape, each (8,) float32."""

    mean: np.ndarray
    deviation: np.ndarray
    closed: np.ndarray  # the mouth at rest


def drive(
    nets: list[nn.Module],
    speaker: Speaker,
    mel: np.ndarray,
    start: int,
    stop: int,
    fps: Fraction,
) -> np.ndarray:
    """Mouth shapes (stop - start, 8) float32 of result frames start..stop.

    `mel` (80, T) is the whole voice; frame i is at i / fps seconds of it. In its silence, and
    before and after it, the mouth is at rest.
    """
    instants = np.array([float(Fraction(i) / Fraction(fps)) for i in range(start, stop)])
    if not len(instants):
        return np.zeros((0, len(speaker.mean)), np.float32)
    context = round(_REACH * GRID_RATE)
    first = int(np.floor(instants[0] * GRID_RATE)) - context
    last = int(np.ceil(instants[-1] * GRID_RATE)) + context
    grid = np.arange(first, last + 1)
    deviations = voice_net.predict(nets, mel, grid / GRID_RATE)
    shapes = speaker.mean + GAIN * speaker.deviation * deviations
    shapes = gaussian_filter1d(shapes, SMOOTHING * GRID_RATE, axis=0, mode="nearest")
    shapes = shapes.clip(-LIMIT, LIMIT)
    moved = speaking(mel, grid)[:, None]
    shapes = speaker.closed + moved * (shapes - speaker.closed)
    at = instants * GRID_RATE
    return np.stack([np.interp(at, grid, column) for column in shapes.T], 1).astype(np.float32)


def speaking(mel: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """How much somebody speaks at the instants grid / 40 s of `mel`: 0 in silence, 1 in speech.

    `grid` (n,) are consecutive. To speak is to be louder than the noise, and to sound like speech.
    """
    first, last = int(grid[0]), int(grid[-1])
    begin = first * voice_net.STRIDE - voice_activity.CONTEXT
    sounds = _sounds(mel)
    near = _levelled(mel, sounds, begin, last * voice_net.STRIDE + voice_activity.CONTEXT + 1)
    asked = voice_activity.CONTEXT // voice_net.STRIDE
    loud = _lasting(_loudness(sounds, grid), LEAD)
    spoken = _lasting(voice_activity.share(near, asked, asked + last - first), HELD)
    return gaussian_filter1d(loud * spoken, EASE * GRID_RATE, mode="nearest")


def loudness(mel: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """How far, 0..1, the sound at the instants grid / 40 s stands out from its noise floor.

    A steady noise, however loud, is the floor that speech stands out from; a click is too short.
    """
    return _loudness(_sounds(mel), grid)


def _lasting(active: np.ndarray, held: float) -> np.ndarray:
    """As active as at any instant from `held` seconds ago to LEAD seconds from now."""
    before, after = round(held * GRID_RATE), round(LEAD * GRID_RATE)
    # The window of the filter is in the middle unless it is shifted, to the right by less than 0.
    shift = (before - after) // 2
    return maximum_filter1d(active, before + after + 1, origin=shift, mode="nearest")


@dataclass(frozen=True)
class _Sound:
    """Columns that hold sound: how loud each is, and how loud the faint and the loud ones are."""

    start: int
    level: np.ndarray
    floor: float
    peak: float

    @property
    def stop(self) -> int:
        return self.start + len(self.level)


def _loudness(sounds: list[_Sound], grid: np.ndarray) -> np.ndarray:
    columns = np.round(grid * (MEL_RATE / GRID_RATE)).astype(int)
    active = np.zeros(len(grid))
    for sound in sounds:
        span = sound.peak - sound.floor
        threshold = max(sound.floor + SPEECH_SHARE * span, QUIETEST)
        inside = (columns >= sound.start) & (columns < sound.stop)
        above = sound.level[columns[inside] - sound.start] - threshold
        active[inside] = (above / (SPEECH_SLOPE * max(span, 1.0))).clip(0, 1)
    return grey_opening(active, CLICK, mode="nearest")


def _levelled(mel: np.ndarray, sounds: list[_Sound], begin: int, end: int) -> np.ndarray:
    """The columns begin..end of `mel`, no recording in it fainter than FAINT: (80, end - begin)."""
    near = voice_net.between(mel, begin, end)
    for sound in sounds:
        here = near[:, max(sound.start - begin, 0) : max(sound.stop - begin, 0)]
        lift = max(FAINT - sound.peak, 0.0)
        here += np.where(here > SILENCE, lift, 0)
    return near.clip(SILENCE, -SILENCE)


def _sounds(mel: np.ndarray) -> list[_Sound]:
    """The stretches of columns that hold sound, long digital silence being no part of any.

    One person may say several things far apart, each recorded elsewhere: the noise of one and the
    loudness of another say nothing about a third, and the silence between them is no noise floor.
    """
    # The bands up to about 4 kHz: hiss is above, hum below.
    level = mel[3:60].mean(0)
    audible = np.flatnonzero(level > SILENCE)
    if not len(audible):
        return []
    breaks = np.flatnonzero(np.diff(audible) > PAUSE * MEL_RATE)
    starts = audible[np.concatenate(([0], breaks + 1))]
    stops = audible[np.concatenate((breaks, [-1]))] + 1
    return [
        _Sound(int(start), level[start:stop], *np.percentile(level[start:stop], (5, 95)))
        for start, stop in zip(starts, stops, strict=True)
    ]
