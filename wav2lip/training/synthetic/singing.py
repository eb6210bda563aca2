"""Vowels that are held for seconds, as in singing, or crying out: by source and filter.

The source is a glottis, whose overtones fall off evenly; the filter a vocal tract with four
formants (Fant, Acoustic Theory of Speech Production, 1960).
"""

import numpy as np

from wav2lip.audio import SAMPLE_RATE
from wav2lip.training.synthetic.music import reverberated

# Formants of men in hertz, those of nine vowels (Peterson and Barney, 1952), and a fourth.
FORMANTS = np.array(
    [
        (270, 2290, 3010, 3600),
        (390, 1990, 2550, 3500),
        (530, 1840, 2480, 3500),
        (660, 1720, 2410, 3500),
        (730, 1090, 2440, 3400),
        (570, 840, 2410, 3300),
        (440, 1020, 2240, 3300),
        (300, 870, 2240, 3300),
        (640, 1190, 2390, 3400),
    ],
    float,
)
PITCHES = (80.0, 800.0)  # hertz
# Tracts are shorter, and formants so many times as high, in women and children: at low pitches and
# at high ones.
TRACTS = ((0.9, 1.1), (1.05, 1.4))
HELD, PAUSES = (0.5, 4.0), (0.1, 1.5)  # seconds
_CURVE_RATE = 100  # points a second of the curves that a voice follows
_HIGHEST = 7600.0  # hertz


def singing(rng: np.random.Generator, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Held vowels of one voice, with pauses: (n,) float32 mono 16 kHz, peak 1, and (n,) bool.

    The second says where a vowel sounds.
    """
    count = round(seconds * SAMPLE_RATE)
    sound, heard = np.zeros(count), np.zeros(count, bool)
    low, high = np.log(PITCHES)
    height = rng.uniform(0, 1)
    shortest, longest = (np.interp(height, (0, 1), ends) for ends in zip(*TRACTS, strict=True))
    tract, tilt = rng.uniform(shortest, longest), rng.uniform(0.7, 2.0)
    at = int(rng.uniform(0, PAUSES[1]) * SAMPLE_RATE)
    while at < count:
        pitch = np.exp(np.clip(low + height * (high - low) + rng.normal(0, 0.15), low, high))
        vowel = held_vowel(rng, rng.uniform(*HELD), float(pitch), float(tract), float(tilt))
        end = min(at + len(vowel), count)
        sound[at:end] = vowel[: end - at] * 10 ** rng.uniform(-0.4, 0)
        heard[at:end] = True
        at = end + int(rng.uniform(*PAUSES) * SAMPLE_RATE)
    if rng.random() < 0.3:
        sound = reverberated(rng, sound)
    return (sound / (np.abs(sound).max() + 1e-9)).astype(np.float32), heard


def held_vowel(
    rng: np.random.Generator, seconds: float, pitch: float, tract: float, tilt: float
) -> np.ndarray:
    """One vowel, or one that becomes another: (n,) float64, peak 1.

    `pitch` is in hertz; formants are `tract` times those of a man; overtone k has the source's
    amplitude k to the -`tilt`.
    """
    points = round(seconds * _CURVE_RATE) + 1
    frequency = pitch * 2 ** (_melody(rng, points) / 12)
    between = _curve(rng, points, 1.0).clip(0, 1) if rng.random() < 0.4 else np.zeros(points)
    first, second = FORMANTS[rng.integers(len(FORMANTS), size=2)] * tract
    formants = first + between[:, None] * (second - first)
    count = round(seconds * SAMPLE_RATE)
    time = np.arange(count) / SAMPLE_RATE
    curves = np.arange(points) / _CURVE_RATE
    turn = 2 * np.pi * np.cumsum(np.interp(time, curves, frequency)) / SAMPLE_RATE
    sound = np.zeros(count)
    for k in range(1, int(_HIGHEST / frequency.max()) + 1):
        level = k**-tilt * _resonance(k * frequency, formants)
        sound += np.interp(time, curves, level) * np.sin(k * turn + rng.uniform(0, 2 * np.pi))
    sound /= sound.std()
    sound += 10 ** rng.uniform(-3, -1) * rng.normal(size=count)
    sound *= np.interp(time, curves, np.exp(0.15 * _curve(rng, points, 3.0)))
    sound *= (time / rng.uniform(0.01, 0.2)).clip(0, 1)
    sound *= ((seconds - time) / rng.uniform(0.03, 0.3)).clip(0, 1)
    return sound / (np.abs(sound).max() + 1e-9)


def _melody(rng: np.random.Generator, points: int) -> np.ndarray:
    """How far, in semitones, a voice is from its pitch: vibrato, drift, and perhaps other notes."""
    time = np.arange(points) / _CURVE_RATE
    vibrato = rng.choice((0.0, rng.uniform(0.1, 1.0))) * np.sin(
        2 * np.pi * rng.uniform(4, 7) * time + rng.uniform(0, 7)
    )
    drift = 0.2 * _curve(rng, points, 1.0) + 0.1 * _curve(rng, points, 20.0)
    if rng.random() < 0.7:
        return vibrato + drift
    steps = np.cumsum(rng.integers(-4, 5, 16))
    return vibrato + drift + np.interp(time, np.linspace(0, time[-1], 16), steps.clip(-7, 7))


def _curve(rng: np.random.Generator, points: int, pace: float) -> np.ndarray:
    """A curve (points,) that wanders `pace` times a second, deviation about 1."""
    knots = rng.normal(size=int(points / _CURVE_RATE * pace * 2) + 3)
    return np.interp(np.linspace(0, len(knots) - 1, points), np.arange(len(knots)), knots)


def _resonance(frequency: np.ndarray, formants: np.ndarray) -> np.ndarray:
    """How much a tract with formants (n, 4) lets through at frequencies (n,), all in hertz."""
    width = 50 + 0.03 * formants
    square, at = formants**2, frequency[:, None]
    return (square / np.hypot(square - at**2, width * at)).prod(1)
