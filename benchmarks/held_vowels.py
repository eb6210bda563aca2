"""Held vowels by the pulses of a glottis through resonators, unlike those of the training.

`wav2lip.training.synthetic.singing`, which voice activity detection is trained on, adds overtones.
"""

import numpy as np
from scipy.signal import lfilter

from benchmarks.material import RATE

# Formants and their bandwidths in hertz.
VOWELS = {
    "a": ((800, 80), (1200, 90), (2500, 120), (3500, 150)),
    "e": ((400, 60), (2000, 100), (2600, 120), (3500, 150)),
    "i": ((280, 50), (2300, 100), (3000, 120), (3600, 150)),
    "o": ((450, 70), (800, 80), (2600, 120), (3400, 150)),
    "u": ((320, 50), (700, 80), (2300, 120), (3300, 150)),
}
PITCHES = (80, 110, 150, 200, 280, 400, 560, 800)  # hertz
_PERIODS = 4  # of the glottis, as finely as they are pulsed: pulses lie between samples


def held_vowel(
    rng: np.random.Generator, count: int, vowel: str, pitch: float, vibrato: float = 0.0
) -> np.ndarray:
    """(count,) float64 at 16 kHz, peak 0.5: a vowel that begins and ends softly.

    `vibrato` is by which part of it the `pitch`, in hertz, goes up and down, 5.5 times a second.
    """
    rate = _PERIODS * RATE
    time = np.arange(_PERIODS * count) / rate
    wander = 0.003 * np.cumsum(rng.normal(size=len(time))) / np.sqrt(rate)
    turn = np.cumsum(pitch * (1 + vibrato * np.sin(2 * np.pi * 5.5 * time) + wander)) / rate
    # The flow of air of a glottis that opens for 40 % of a period and shuts in 16 % (Rosenberg,
    # 1971), and its derivative, which is what the lips radiate.
    phase = turn % 1
    opening = 0.5 * (1 - np.cos(np.pi * phase / 0.4))
    shutting = np.cos(np.pi / 2 * (phase - 0.4) / 0.16)
    flow = np.where(phase < 0.4, opening, np.where(phase < 0.56, shutting, 0.0))
    sound = np.diff(flow, prepend=0.0) * rate + 0.5 * rng.normal(size=len(time))
    for formant, width in VOWELS[vowel]:
        pole = np.exp(-np.pi * width / rate)
        poles = [1, -2 * pole * np.cos(2 * np.pi * formant / rate), pole**2]
        sound = lfilter([sum(poles)], poles, sound)
    sound = sound.reshape(-1, _PERIODS).mean(1)
    ends = np.minimum(np.arange(count), np.arange(count)[::-1]) / RATE
    sound *= (ends / 0.06).clip(0, 1)
    return 0.5 * sound / np.abs(sound).max()
