"""Synthetic sounds that are not speech, unlike those that voice activity detection is trained on.

Each takes a random generator and a number of samples, and returns (count,) float64 at 16 kHz.
"""

from collections.abc import Callable

import numpy as np

from benchmarks.material import RATE


def room(rng: np.random.Generator, count: int) -> np.ndarray:
    """The even noise of a quiet room."""
    return rng.normal(0, 0.003, count)


def chords(rng: np.random.Generator, count: int) -> np.ndarray:
    """A chord every second, with overtones that die away."""
    sound = np.zeros(count)
    for at, root in _steps(rng, count, 1.0, (220.0, 174.6, 261.6, 196.0)):
        since = np.arange(len(sound) - at) / RATE
        for interval in (1, 5 / 4, 3 / 2):
            for k in range(1, 6):
                tone = np.sin(2 * np.pi * root * interval * k * since) / k
                sound[at:] += tone * np.exp(-1.5 * since) * (since < 1)
    return 0.08 * sound


def band(rng: np.random.Generator, count: int) -> np.ndarray:
    """A beat with a melody on bars of wood: triangles, rings of two tones, and hiss."""
    sound = np.zeros(count)
    for number, (at, pitch) in enumerate(_steps(rng, count, 0.24, (392, 440, 523, 587, 659, 784))):
        since = np.arange(min(count - at, RATE)) / RATE
        bar = np.sin(2 * np.pi * pitch * since) * (1 + np.sin(2 * np.pi * 3.93 * pitch * since))
        bass = np.abs((pitch / 8 * since) % 1 - 0.5) - 0.25
        stroke = rng.normal(size=len(since)) * np.exp(-since * (60 if number % 2 else 15))
        body = np.sin(2 * np.pi * 60 * since) * np.exp(-20 * since) * (number % 4 == 0)
        sound[at : at + len(since)] += (
            bar * np.exp(-9 * since) + 2 * bass * (since < 0.22) + 0.3 * stroke + body
        )
    return 0.1 * sound


def hum(rng: np.random.Generator, count: int) -> np.ndarray:
    """A refrigerator: rectified mains with a rattle that comes and goes."""
    time = np.arange(count) / RATE
    rattle = rng.normal(size=count) * (1 + np.sin(2 * np.pi * 1.3 * time))
    return 0.1 * np.abs(np.sin(2 * np.pi * 50 * time)) + 0.01 * rattle


def typing(rng: np.random.Generator, count: int) -> np.ndarray:
    """Keys going down and up again, eight a second, unevenly."""
    sound = np.zeros(count)
    for down in np.cumsum(rng.gamma(3, 0.04, size=count // 800)):
        for at, loud in ((down, 0.3), (down + 0.07, 0.12)):
            since = np.arange(480) / RATE
            click = rng.normal(size=480) * np.exp(-250 * since)
            knock = np.sin(2 * np.pi * 900 * since) * np.exp(-180 * since)
            _add(sound, round(at * RATE), loud * rng.uniform(0.5, 1) * (click + knock))
    return sound


def applause(rng: np.random.Generator, count: int) -> np.ndarray:
    """Forty people, each with a pace of their own."""
    sound = np.zeros(count)
    since = np.arange(320) / RATE
    for _ in range(40):
        pace, colour, near = rng.uniform(0.2, 0.35), rng.uniform(700, 2500), rng.uniform(0.02, 0.1)
        for at in np.arange(rng.uniform(0, pace), count / RATE, pace):
            clap = rng.normal(size=320) * np.cos(2 * np.pi * colour * since) * np.exp(-300 * since)
            _add(sound, round((at + rng.normal(0, 0.02)) * RATE), near * clap)
    return sound


def birds(rng: np.random.Generator, count: int) -> np.ndarray:
    """A bird that says the same four syllables over and over."""
    sound = np.zeros(count)
    song = [(rng.uniform(2200, 4800), rng.uniform(-9000, 9000)) for _ in range(4)]
    for number, at in enumerate(np.arange(0.05, count / RATE, 0.17)):
        since = np.arange(round(0.12 * RATE)) / RATE
        pitch, slide = song[number % 4]
        chirp = np.sin(2 * np.pi * (pitch + slide * since / 2) * since) * np.hanning(len(since))
        _add(sound, round(at * RATE), 0.15 * chirp)
    return sound + rng.normal(0, 0.002, count)


KINDS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    kind.__name__: kind for kind in (room, chords, band, hum, typing, applause, birds)
}


def _steps(
    rng: np.random.Generator, count: int, seconds: float, pitches: tuple[float, ...]
) -> list[tuple[int, float]]:
    """Where in `count` samples a note begins, one every so many `seconds`, and how high it is."""
    starts = range(0, count, round(seconds * RATE))
    return [(at, float(pitches[rng.integers(len(pitches))])) for at in starts]


def _add(sound: np.ndarray, at: int, part: np.ndarray) -> None:
    at = max(at, 0)
    sound[at : at + len(part)] += part[: max(len(sound) - at, 0)]
