"""How alike two mouths move, and whether one rests where nothing is said."""

import numpy as np
from scipy.ndimage import binary_erosion, uniform_filter1d

from wav2lip.audio import SAMPLE_RATE
from wav2lip.evaluation.footage import FPS

MOST_LAG = 10  # frames
# Sound so far below the loud parts of a voice is silence, where it lasts.
SILENT_DB = 18.0
FLOOR_DB = -70.0  # of full scale: nobody hears that
SILENT_FRAMES = 8
# A mouth opens before it is heard and closes after.
EASE_FRAMES = 3

LAGS = np.arange(-MOST_LAG, MOST_LAG + 1)


def moments(real: np.ndarray, made: np.ndarray) -> np.ndarray:
    """Of two openings (n,): co-moment and both second moments at each lag, (21, 3).

    At a positive lag the made mouth comes late. Centred on what overlaps; moments of several
    clips may be added before `correlation` is taken.
    """
    rows = []
    for lag in LAGS.tolist():
        first = real[max(-lag, 0) : len(real) - max(lag, 0)]
        then = made[max(lag, 0) : len(made) - max(-lag, 0)]
        a, b = first - first.mean(), then - then.mean()
        rows.append((a @ b, a @ a, b @ b))
    return np.array(rows)


def correlation(of: np.ndarray) -> np.ndarray:
    """Pearson's r at each lag from moments (..., 21, 3) -> (..., 21); 0 where nothing moves."""
    spread = np.sqrt(of[..., 1] * of[..., 2])
    return np.divide(of[..., 0], spread, out=np.zeros_like(spread), where=spread > 1e-12)


def silent(samples: np.ndarray, frames: int) -> np.ndarray:
    """In which of `frames` (25 a second) a voice (16 kHz) rests, (frames,) bool.

    Stretches of eight frames and more that are 18 dB below the voice's loud parts, without the
    three frames next to speech. Found by loudness alone, apart from whatever a checkpoint goes by.
    """
    hop = SAMPLE_RATE // FPS
    power = np.zeros(frames)
    heard = samples[: frames * hop].astype(np.float64) ** 2
    whole = len(heard) // hop
    power[:whole] = heard[: whole * hop].reshape(whole, hop).mean(1)
    level = 10 * np.log10(uniform_filter1d(power, 3, mode="nearest").clip(1e-12))
    quiet = level < max(np.percentile(level, 95) - SILENT_DB, FLOOR_DB)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], quiet, [0])).astype(int)))
    for start, stop in edges.reshape(-1, 2):
        if stop - start < SILENT_FRAMES:
            quiet[start:stop] = False
    reach = np.ones(2 * EASE_FRAMES + 1, bool)
    return binary_erosion(quiet, reach, border_value=1)
