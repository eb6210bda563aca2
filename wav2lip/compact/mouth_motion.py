"""From the mel spectrogram of the whole voice to the mouth shape of every result frame.

Shapes are computed on a fixed grid, 40 a second, smoothed there, gated by voice activity, and
interpolated at the instants of the frames, at any frame rate. A value of the grid depends on its
place in the voice alone, so that a video rendered in segments moves exactly as one rendered whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.ndimage import gaussian_filter1d, grey_closing, grey_opening, maximum_filter1d
from torch import nn

from wav2lip.audio import MEL_RATE, SILENCE
from wav2lip.compact import mouth_shape, voice_activity, voice_net

GRID_RATE = voice_net.OUTPUT_RATE
# Smoothing removes the voice net's jitter and keeps the closures of p, b and m (some 80 ms).
SMOOTHING = 0.035  # seconds, sigma
# Regression shrinks towards the mean: without this the mouth barely opens.
GAIN = 2.2
# Excursions beyond these were rare in training, and are drawn badly.
LIMIT = 3.0

# For p, b and m lips close, which a regression of mouth shapes blurs: the log odds between which a
# network that detects them (`speech_encoder`) closes lips, and how far each length of the mouth
# shape then goes to that of the closed mouth. The jaw need not close.
CLOSURE_OFF, CLOSURE_ON = -1.0, 1.0
CLOSURE_WEIGHTS = np.array((1.0, 1.0, 0.0, 0.0, 0.8, 0.8, 0.5, 0.0), np.float32)
# A frame of 25 a second lasts longer than most closures: each lasts for an instant of the grid
# more on either side, so that a frame shows it, and begins and ends smoothly (seconds, sigma).
CLOSURE_SMOOTHING = 0.012

# Energy gate: the threshold above the noise floor and the width of its soft knee, as fractions of
# the dynamic range, and the lowest threshold there is. An 8th of a unit of mel is 1.6 dB.
GATE_THRESHOLD = 0.3
GATE_KNEE = 0.12
LEAST_THRESHOLD = -3.2
# Voice activity detection hears each recording with the 95th percentile of its level here: the
# louder a noise is, the sooner it is taken for speech, and the quieter a voice, the longer the
# mouth stays open in a noise that follows it.
ACTIVITY_PEAK = -0.5
# How long the gate opens before speech and stays open after it, in seconds: a mouth opens a little
# before it is heard and closes a little after. The smoothing of voice activity holds the gate open
# already where a noise follows the speech, so that its own hold is shorter.
LOOKAHEAD, HOLD = 0.10, 0.05
GATE_SMOOTHING = 0.05  # seconds, sigma
# Pauses shorter than this are a part of speech, and a face goes over into speaking so smoothly
# (seconds, sigma); what is less than the last is nothing.
SHORT_PAUSE, PRESENCE_SMOOTHING, LEAST_PRESENCE = 0.6, 0.06, 0.002
# A shorter sound, in instants of the grid, is a click and no speech.
MIN_BURST = 3
# Digital silence longer than this, in seconds, separates recordings.
RECORDING_GAP = 2.0
# The column of the drive that says how much is spoken.
SPEAKING = mouth_shape.COUNT
_CONTEXT = 0.4  # seconds on either side that the filters above can reach


@dataclass(frozen=True)
class Speaker:
    """Statistics of a usual speaker's mouth shapes, each (8,) float32 in units of `mouth_shape`."""

    mean: np.ndarray
    deviation: np.ndarray  # standard deviation
    closed: np.ndarray  # the mouth at rest


def drive(
    nets: Sequence[nn.Module],
    speaker: Speaker,
    mel: np.ndarray,
    start: int,
    stop: int,
    fps: Fraction,
) -> np.ndarray:
    """Mouth shapes within ±3 and how much is spoken in 0..1, of the result frames start..stop.

    (stop - start, 9) float32: the eight of `mouth_shape`, then `speech_presence`.

    `nets` are the ensemble of `voice_net.predict`; `mel` (80, T) in -4..4 is the whole voice, in
    which frame i is at i / fps seconds. In its silence, and before and after it, the mouth is at
    rest (`speaker.closed`).
    """
    instants = np.array([float(Fraction(i) / Fraction(fps)) for i in range(start, stop)])
    if not len(instants):
        return np.zeros((0, len(speaker.mean) + 1), np.float32)
    context = round(_CONTEXT * GRID_RATE)
    first = int(np.floor(instants[0] * GRID_RATE)) - context
    last = int(np.ceil(instants[-1] * GRID_RATE)) + context
    grid = np.arange(first, last + 1)
    outputs = voice_net.predict(nets, mel, grid / GRID_RATE)
    shapes = speaker.mean + GAIN * speaker.deviation * outputs[:, : mouth_shape.COUNT]
    shapes = gaussian_filter1d(shapes, SMOOTHING * GRID_RATE, axis=0, mode="nearest")
    shapes = shapes.clip(-LIMIT, LIMIT)
    for log_odds in outputs[:, mouth_shape.COUNT :].T:
        shapes += closure(log_odds)[:, None] * CLOSURE_WEIGHTS * (speaker.closed - shapes)
    gate = speech_gate(mel, grid)[:, None]
    shapes = speaker.closed + gate * (shapes - speaker.closed)
    columns = np.column_stack([shapes, speech_presence(mel, grid)])
    at = instants * GRID_RATE
    return np.stack([np.interp(at, grid, column) for column in columns.T], 1).astype(np.float32)


def closure(log_odds: np.ndarray) -> np.ndarray:
    """How far lips are closed, (n,) in 0..1, by the log odds (n,) that they are, 40 a second."""
    closed = ((log_odds - CLOSURE_OFF) / (CLOSURE_ON - CLOSURE_OFF)).clip(0, 1)
    return gaussian_filter1d(
        maximum_filter1d(closed, 3, mode="nearest"), CLOSURE_SMOOTHING * GRID_RATE, mode="nearest"
    )


def speech_gate(mel: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """How far the mouth may move, (n,) in 0..1, at the instants grid / 40 s of `mel` (80, T).

    0 in silence and noise, 1 in speech: the product of `energy_gate` and
    `voice_activity.activity`, each held open, smoothed. `grid` (n,) holds consecutive integers.
    """
    first, last = int(grid[0]), int(grid[-1])
    begin = first * voice_net.STRIDE - voice_activity.CONTEXT
    recordings = _recordings(mel)
    near = _normalised(mel, recordings, begin, last * voice_net.STRIDE + voice_activity.CONTEXT + 1)
    offset = voice_activity.CONTEXT // voice_net.STRIDE
    loud = _held(_energy_gate(recordings, grid), LOOKAHEAD)
    spoken = _held(voice_activity.activity(near, offset, offset + last - first), HOLD)
    return gaussian_filter1d(loud * spoken, GATE_SMOOTHING * GRID_RATE, mode="nearest")


def speech_presence(mel: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """How much, (n,) in 0..1, the instants grid / 40 s belong to a passage of speech.

    The speech gate without its short pauses: a face between two words is still speaking.
    """
    more = round((SHORT_PAUSE + 4 * PRESENCE_SMOOTHING) * GRID_RATE)
    wide = np.arange(int(grid[0]) - more, int(grid[-1]) + more + 1)
    held = grey_closing(speech_gate(mel, wide), round(SHORT_PAUSE * GRID_RATE), mode="nearest")
    smooth = gaussian_filter1d(held, PRESENCE_SMOOTHING * GRID_RATE, mode="nearest")[more:-more]
    return np.where(smooth < LEAST_PRESENCE, 0, smooth)


def energy_gate(mel: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """How far, (n,) in 0..1, `mel` (80, T) stands out from its noise floor at grid / 40 s.

    The floor and the peak of each recording are percentiles of its level, so that a steady noise,
    however loud, is the floor; a click is too short to open the gate.
    """
    return _energy_gate(_recordings(mel), grid)


def _held(gate: np.ndarray, hold: float) -> np.ndarray:
    """The maximum of `gate` from `hold` seconds ago to LOOKAHEAD seconds from now."""
    before, after = round(hold * GRID_RATE), round(LOOKAHEAD * GRID_RATE)
    # The filter's window is centred unless it is shifted; a negative origin shifts it to the right.
    shift = (before - after) // 2
    return maximum_filter1d(gate, before + after + 1, origin=shift, mode="nearest")


@dataclass(frozen=True)
class _Recording:
    """Columns between two long digital silences: their levels, noise floor and peak level."""

    start: int
    level: np.ndarray
    floor: float
    peak: float

    @property
    def stop(self) -> int:
        return self.start + len(self.level)


def _energy_gate(recordings: list[_Recording], grid: np.ndarray) -> np.ndarray:
    columns = np.round(grid * (MEL_RATE / GRID_RATE)).astype(int)
    gate = np.zeros(len(grid))
    for recording in recordings:
        span = recording.peak - recording.floor
        threshold = max(recording.floor + GATE_THRESHOLD * span, LEAST_THRESHOLD)
        inside = (columns >= recording.start) & (columns < recording.stop)
        above = recording.level[columns[inside] - recording.start] - threshold
        gate[inside] = (above / (GATE_KNEE * max(span, 1.0))).clip(0, 1)
    return grey_opening(gate, MIN_BURST, mode="nearest")


def _normalised(mel: np.ndarray, recordings: list[_Recording], begin: int, end: int) -> np.ndarray:
    """The columns begin..end of `mel`, the recordings at ACTIVITY_PEAK: (80, end - begin)."""
    near = voice_net.padded_columns(mel, begin, end)
    for recording in recordings:
        here = near[:, max(recording.start - begin, 0) : max(recording.stop - begin, 0)]
        here += np.where(here > SILENCE, ACTIVITY_PEAK - recording.peak, 0)
    return near.clip(SILENCE, -SILENCE)


def _recordings(mel: np.ndarray) -> list[_Recording]:
    """`mel` split at long digital silences, which belong to no recording.

    One person may say several things far apart, each recorded elsewhere: the noise of one and the
    loudness of another say nothing about a third, and the silence between them is no noise floor.
    """
    # The bands up to about 4 kHz: hiss is above, hum below.
    level = mel[3:60].mean(0)
    audible = np.flatnonzero(level > SILENCE)
    if not len(audible):
        return []
    breaks = np.flatnonzero(np.diff(audible) > RECORDING_GAP * MEL_RATE)
    starts = audible[np.concatenate(([0], breaks + 1))]
    stops = audible[np.concatenate((breaks, [-1]))] + 1
    return [
        _Recording(int(start), level[start:stop], *np.percentile(level[start:stop], (5, 95)))
        for start, stop in zip(starts, stops, strict=True)
    ]
