"""Instruments that are formulas, and a band of them that plays a tune."""

from collections.abc import Callable

import numpy as np
from scipy.signal import butter, fftconvolve, lfilter, sosfilt

from wav2lip.audio import SAMPLE_RATE
from wav2lip.training.synthetic.midi import Note, compose

Instrument = Callable[[Note], np.ndarray]
# Of each key of the drums: how much tone, how much noise, its lowest and highest frequency in Hz,
# the tone's frequency, and how fast it dies away, a second.
STROKES = {
    36: (1.0, 0.1, 40, 3000, 50, 18),
    38: (0.5, 1.0, 300, 6000, 180, 14),
    39: (0.0, 1.0, 800, 3000, 100, 18),
    42: (0.0, 1.0, 5000, 7800, 100, 40),
    45: (1.0, 0.2, 80, 2000, 110, 9),
    49: (0.0, 1.0, 3000, 7800, 100, 4),
    70: (0.0, 1.0, 4000, 7500, 100, 30),
}
_TAIL = 3.0  # seconds that a last note may ring


def piece(rng: np.random.Generator, seconds: float) -> np.ndarray:
    """A tune composed and played: (n,) float32 mono 16 kHz, peak 1."""
    notes = compose(rng, seconds)
    sound = np.zeros(round(seconds * SAMPLE_RATE))
    for part in dict.fromkeys(note.part for note in notes):
        played = np.zeros(round((seconds + _TAIL) * SAMPLE_RATE))
        play = instrument(rng, part)
        for note in notes:
            if note.part == part:
                heard, at = note.loud * play(note), round(note.start * SAMPLE_RATE)
                played[at : at + len(heard)] += heard[: max(len(played) - at, 0)]
        played = _effects(rng, played)[: len(sound)]
        sound += played / (played.std() + 1e-9) * 10 ** rng.uniform(-0.6, 0)
    return (sound / (np.abs(sound).max() + 1e-9)).astype(np.float32)


def instrument(rng: np.random.Generator, part: str) -> Instrument:
    """An instrument of a kind and a timbre drawn by chance, for a part of a tune."""
    if part == "drums":
        return _drums(rng)
    kinds = (_overtones, _modulated, _plucked, _filtered)
    return kinds[rng.choice(len(kinds), p=(0.45, 0.2, 0.15, 0.2))](rng)


def _overtones(rng: np.random.Generator) -> Instrument:
    """Strings, winds, organs, pianos, bells: a sum of sines, each with its own decay."""
    tilt, even = rng.uniform(0.5, 2.5), rng.choice((1.0, 1.0, 0.2))
    stiff, fall, faster = rng.choice((0, 0, 3e-4, 0.02)), rng.uniform(0, 5), rng.uniform(0, 0.6)
    vibrato = _vibrato(rng)
    attack = 10 ** rng.uniform(-2.5, -0.7)
    breath = rng.choice((0.0, 0.0, 0.05))

    def play(note: Note) -> np.ndarray:
        time, frequency = _time(note), _hertz(note.pitch)
        phase = frequency * vibrato(time)
        sound = np.zeros(len(time))
        for k in range(1, int(min(24, 7500 / frequency)) + 1):
            level = k**-tilt * (even if k % 2 == 0 else 1)
            partial = np.sin(2 * np.pi * k * np.sqrt(1 + stiff * k * k) * phase)
            sound += level * np.exp(-fall * (1 + faster * k) * time) * partial
        return (sound + breath * rng.normal(size=len(time))) * _envelope(time, note, attack)

    return play


def _modulated(rng: np.random.Generator) -> Instrument:
    """Frequency modulation (Chowning, 1973): brass, electric pianos, bells, basses."""
    ratio = rng.choice((0.5, 1.0, 1.0, 2.0, 3.0, 1.41, 3.5))
    index, fall = rng.uniform(0.5, 6), rng.uniform(0.2, 6)
    attack = 10 ** rng.uniform(-2.5, -1)
    vibrato = _vibrato(rng)

    def play(note: Note) -> np.ndarray:
        time = _time(note)
        phase = 2 * np.pi * _hertz(note.pitch) * vibrato(time)
        bright = index * np.exp(-fall * time)
        loud = np.exp(-0.5 * fall * time) * _envelope(time, note, attack)
        return np.sin(phase + bright * np.sin(ratio * phase)) * loud

    return play


def _plucked(rng: np.random.Generator) -> Instrument:
    """A string as a delay that loses its highs (Karplus and Strong, 1983)."""
    held, soft = rng.uniform(0.97, 0.9995), rng.uniform(0.1, 0.9)

    def play(note: Note) -> np.ndarray:
        time = _time(note, ring=1.0)
        delay = max(round(SAMPLE_RATE / _hertz(note.pitch)), 3)
        pluck = np.zeros(len(time))
        pluck[:delay] = lfilter([1 - soft], [1, -soft], rng.normal(size=delay))[: len(time)]
        loop = np.zeros(delay + 2)
        loop[0], loop[-2:] = 1, -held / 2
        return lfilter([1], loop, pluck) * _envelope(time, note, 0.001, ring=1.0)

    return play


def _filtered(rng: np.random.Generator) -> Instrument:
    """A saw or a pulse through a low-pass that opens and closes: leads, pads, wah."""
    width, detuned = rng.uniform(0.1, 0.5), rng.uniform(0, 0.006)
    saw = rng.random() < 0.6
    swing, pace = rng.uniform(0, 1.5), 10 ** rng.uniform(-0.5, 1)
    cutoff, attack = 10 ** rng.uniform(2.5, 3.6), 10 ** rng.uniform(-2.5, -0.5)
    vibrato = _vibrato(rng)

    def play(note: Note) -> np.ndarray:
        time, sound = _time(note), np.zeros(_samples(note))
        phase = _hertz(note.pitch) * vibrato(time)
        for tune in (1 - detuned, 1 + detuned):
            turn = (phase * tune) % 1
            sound += 2 * turn - 1 if saw else np.where(turn < width, 1.0, -1.0)
        bright = cutoff * 2 ** (swing * np.sin(2 * np.pi * pace * (time + note.start)))
        return _moving_low_pass(sound, bright) * _envelope(time, note, attack)

    return play


def _drums(rng: np.random.Generator) -> Instrument:
    tuned, shorter = rng.uniform(0.7, 1.4), rng.uniform(0.6, 1.5)

    def play(note: Note) -> np.ndarray:
        tone, noise, low, high, frequency, fall = STROKES[note.pitch]
        time = np.arange(round(min(7 / fall / shorter, 1.5) * SAMPLE_RATE)) / SAMPLE_RATE
        drop = time + 1.5 * (1 - np.exp(-30 * time)) / 30
        band = butter(2, (low, high), "bandpass", fs=SAMPLE_RATE, output="sos")
        hiss = sosfilt(band, rng.normal(size=len(time)))
        body = tone * np.sin(2 * np.pi * frequency * tuned * drop)
        return 2 * (body + noise * hiss) * np.exp(-fall * shorter * time)

    return play


def _effects(rng: np.random.Generator, sound: np.ndarray) -> np.ndarray:
    """Distorted, in a room, with some bands louder: each by chance."""
    if rng.random() < 0.15:
        sound = np.tanh(10 ** rng.uniform(0, 1.5) * sound / (np.abs(sound).max() + 1e-9))
    if rng.random() < 0.4:
        sound = reverberated(rng, sound)
    if rng.random() < 0.5:
        band = butter(1, 10 ** rng.uniform(2.2, 3.7), str(rng.choice(("low", "high"))),
                      fs=SAMPLE_RATE, output="sos")  # fmt: skip
        sound = sound + rng.uniform(0, 3) * sosfilt(band, sound)
    return sound


def reverberated(rng: np.random.Generator, sound: np.ndarray) -> np.ndarray:
    """The sound (n,) in a room of 0.2 to 1.5 s: noise that dies away, as an impulse response."""
    seconds = rng.uniform(0.2, 1.5)
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tail = rng.normal(size=len(time)) * np.exp(-6.9 * time / seconds)
    tail *= rng.uniform(0.2, 1.5) / np.sqrt((tail**2).sum())
    return sound + fftconvolve(sound, tail)[: len(sound)]


def _vibrato(rng: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    """Time in seconds as the player's hand bends it."""
    depth, pace = rng.choice((0.0, 0.0, 0.004, 0.012)), rng.uniform(4, 7)
    slide, haste = rng.choice((0.0, 0.0, 0.06)), 12.0
    return lambda time: (
        time
        + depth * np.sin(2 * np.pi * pace * time) / (2 * np.pi * pace)
        - slide * (1 - np.exp(-haste * time)) / haste
    )


def _moving_low_pass(sound: np.ndarray, cutoff: np.ndarray) -> np.ndarray:
    """Between fixed low-passes an octave apart, as `cutoff` (n,) Hz goes."""
    octaves = np.log2(cutoff.clip(150, 7000) / 150)
    out = np.zeros(len(sound))
    for octave in range(7):
        share = (1 - np.abs(octaves - octave)).clip(0)
        if share.any():
            edge = min(150 * 2.0**octave, 7500)
            low = butter(2, edge, fs=SAMPLE_RATE, output="sos")
            out += share * sosfilt(low, sound)
    return out


def _samples(note: Note, ring: float = 0.15) -> int:
    return round((min(note.seconds, _TAIL) + ring) * SAMPLE_RATE)


def _time(note: Note, ring: float = 0.15) -> np.ndarray:
    return np.arange(_samples(note, ring)) / SAMPLE_RATE


def _envelope(time: np.ndarray, note: Note, attack: float, ring: float = 0.15) -> np.ndarray:
    """Rises in `attack` seconds and falls in `ring` after the note's end."""
    end = min(note.seconds, _TAIL)
    return (time / attack).clip(0, 1) * (1 - (time - end) / ring).clip(0, 1)


def _hertz(pitch: int) -> float:
    return 440.0 * 2 ** ((pitch - 69) / 12)
