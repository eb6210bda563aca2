"""Noises without a voice, by formulas: rooms and weather, machines, birds, hands.

No barks, no horns: short tones with formants are too much like a syllable said alone.
"""

from collections.abc import Callable

import numpy as np
from scipy.signal import butter, fftconvolve, sosfilt

from wav2lip.audio import SAMPLE_RATE
from wav2lip.training.synthetic.music import reverberated

Kind = Callable[[np.random.Generator, int], np.ndarray]


def noise(rng: np.random.Generator, seconds: float) -> np.ndarray:
    """One of KINDS for `seconds`, here and there silent: (n,) float32 mono 16 kHz, peak 1."""
    count = round(seconds * SAMPLE_RATE)
    sound = KINDS[rng.integers(len(KINDS))](rng, count)
    if rng.random() < 0.3:
        sound = reverberated(rng, sound)
    if rng.random() < 0.3:
        sound = sound * _switched(rng, count)
    return (sound / (np.abs(sound).max() + 1e-9)).astype(np.float32)


def coloured(rng: np.random.Generator, count: int) -> np.ndarray:
    """A room, a road, a recorder's hiss: noise with its power as f to the -2.5..0.5."""
    return _shaped(rng, count, rng.uniform(-1.25, 0.25))


def weather(rng: np.random.Generator, count: int) -> np.ndarray:
    """Wind or waves: noise whose loudness and brightness come and go."""
    gusts = np.exp(rng.uniform(0.3, 1.2) * _slow(rng, count, 10 ** rng.uniform(-0.7, 0.6)))
    bright = _slow(rng, count, 0.5).clip(0, 1)
    return gusts * (
        _shaped(rng, count, -1) * (1 - bright) + bright * _shaped(rng, count, rng.uniform(-0.5, 0))
    )


def rain(rng: np.random.Generator, count: int) -> np.ndarray:
    """Rain, crackle, fire: many small strokes over hiss."""
    return _struck(rng, count, 10 ** rng.uniform(0.7, 2.5), (0.0005, 0.006), (500, 7000)) + (
        rng.uniform(0, 0.3) * coloured(rng, count)
    )


def hum(rng: np.random.Generator, count: int) -> np.ndarray:
    """The mains, a transformer, a fan, a motor: a buzz that may waver, with some air."""
    frequency = rng.choice((50.0, 60.0, 100.0, rng.uniform(25, 400)))
    waver = rng.choice((0.0, 0.02, 0.2)) * _slow(rng, count, rng.uniform(0.2, 3))
    turn = 2 * np.pi * np.cumsum(frequency * (1 + waver)) / SAMPLE_RATE
    levels = rng.uniform(0, 1, 40) * np.arange(1, 41) ** -rng.uniform(0.2, 2)
    buzz = sum(
        level * np.sin(k * turn + rng.uniform(0, 7))
        for k, level in enumerate(levels, 1)
        if k * frequency < 7500
    )
    beat = 1 + rng.uniform(0, 1) * np.sin(turn / rng.integers(2, 9))
    return beat * buzz + 10 ** rng.uniform(-1.5, 0.5) * coloured(rng, count)


def hands(rng: np.random.Generator, count: int) -> np.ndarray:
    """Typing, steps, knocks, dishes: strokes on things that ring, in bursts."""
    busy = _switched(rng, count) if rng.random() < 0.5 else 1
    low = 10 ** rng.uniform(1.8, 3.3)
    strokes = _struck(rng, count, rng.uniform(1, 14), (0.003, 0.12), (low, min(6 * low, 7500)))
    return busy * strokes


def applause(rng: np.random.Generator, count: int) -> np.ndarray:
    """Few or many hands that clap, together or not."""
    return _struck(rng, count, 10 ** rng.uniform(0.3, 2.6), (0.005, 0.02), (600, 3500))


def birds(rng: np.random.Generator, count: int) -> np.ndarray:
    """Birds, crickets, whistles: tones that slide, high up, in phrases."""
    sound = np.zeros(count)
    at, call = 0.0, (3000.0, 0.0, 0.1)
    while at < count:
        if rng.random() < 0.4:
            call = (rng.uniform(1200, 6000), rng.uniform(-0.5, 0.5), rng.uniform(0.02, 0.3))
        height, slide, seconds = call
        time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
        trill = rng.choice((0.0, 0.03)) * np.sin(2 * np.pi * rng.uniform(15, 60) * time)
        pitch = height * 2 ** (slide * time / seconds + trill)
        chirp = np.sin(2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE) * np.hanning(len(time))
        _add(sound, round(at), chirp * rng.uniform(0.3, 1))
        at += (seconds + rng.exponential(0.25)) * SAMPLE_RATE
    return sound + 10 ** rng.uniform(-3, -1) * coloured(rng, count)


def signals(rng: np.random.Generator, count: int) -> np.ndarray:
    """Sirens, beeps, telephones: steady or sweeping tones, on and off."""
    time = np.arange(count) / SAMPLE_RATE
    pace, depth = 10 ** rng.uniform(-0.8, 0.8), rng.choice((0.0, 0.0, 0.2, 0.8))
    pitch = 10 ** rng.uniform(2.3, 3.5) * 2 ** (depth * np.sin(2 * np.pi * pace * time))
    turn = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    second = rng.uniform(0, 1) * np.sin(rng.uniform(1.05, 3) * turn)
    on = (pace * time * rng.integers(1, 4)) % 1 < rng.uniform(0.3, 1.3)
    return on * (np.sin(turn) + second) + 10 ** rng.uniform(-3, -1) * coloured(rng, count)


def rubbing(rng: np.random.Generator, count: int) -> np.ndarray:
    """Cloth, paper, breath, brushes, a saw: noise of one band that swells again and again."""
    pace = rng.uniform(0.4, 5)
    swell = np.sin(2 * np.pi * pace * np.arange(count) / SAMPLE_RATE + _slow(rng, count, pace))
    low = 10 ** rng.uniform(2.2, 3.4)
    band = butter(1, (low, min(4 * low, 7800)), "bandpass", fs=SAMPLE_RATE, output="sos")
    return sosfilt(band, rng.normal(size=count)) * swell.clip(0) ** rng.uniform(0.5, 3)


KINDS: tuple[Kind, ...] = (
    coloured,
    weather,
    rain,
    hum,
    hands,
    applause,
    birds,
    signals,
    rubbing,
)


def _shaped(rng: np.random.Generator, count: int, slope: float) -> np.ndarray:
    """Noise (count,) with its amplitude as frequency to the power `slope`, deviation 1."""
    spectrum = np.fft.rfft(rng.normal(size=count))
    frequency = np.fft.rfftfreq(count, 1 / SAMPLE_RATE).clip(20)
    sound = np.fft.irfft(spectrum * frequency**slope, count)
    return sound / sound.std()


def _slow(rng: np.random.Generator, count: int, pace: float) -> np.ndarray:
    """A curve (count,) that wanders `pace` times a second, deviation about 1."""
    knots = rng.normal(size=int(count / SAMPLE_RATE * pace * 2) + 3)
    return np.interp(np.linspace(0, len(knots) - 1, count), np.arange(len(knots)), knots)


def _switched(rng: np.random.Generator, count: int) -> np.ndarray:
    """1 and 0 by turns of some tenths of a second to some seconds, with soft edges."""
    on = _slow(rng, count, 10 ** rng.uniform(-0.7, 0.3)) > rng.uniform(-0.8, 0.3)
    edge = np.hanning(400)
    return fftconvolve(on.astype(float), edge / edge.sum(), mode="same")


def _struck(
    rng: np.random.Generator,
    count: int,
    pace: float,
    seconds: tuple[float, float],
    band: tuple[float, float],
) -> np.ndarray:
    """About `pace` strokes a second, each dying away in `seconds`, ringing or dull in `band`."""
    sound = np.zeros(count)
    ringing, even = rng.random() < 0.4, rng.random() < 0.3
    strokes = max(round(pace * count / SAMPLE_RATE), 1)
    places = np.arange(strokes) * count / strokes if even else rng.uniform(0, count, strokes)
    # A few strokes, each repeated with another loudness, sound like things of one kind.
    alike = []
    for _ in range(12):
        fall = np.exp(rng.uniform(*np.log(seconds)))
        time = np.arange(round(6 * fall * SAMPLE_RATE)) / SAMPLE_RATE
        body = rng.normal(size=len(time))
        if ringing:
            tones = rng.uniform(*band, 4)[:, None]
            body = np.sin(2 * np.pi * tones * time).sum(0) + 0.2 * body
        alike.append(body * np.exp(-time / fall))
    for place in places:
        stroke = alike[rng.integers(len(alike))] * 10 ** rng.uniform(-0.8, 0)
        _add(sound, int(place), stroke)
    shape = butter(1, band, "bandpass", fs=SAMPLE_RATE, output="sos")
    return sosfilt(shape, sound)


def _add(sound: np.ndarray, at: int, part: np.ndarray) -> None:
    sound[at : at + len(part)] += part[: max(len(sound) - at, 0)]
