"""How alike two mouths move, and in which frames a voice is silent."""

import numpy as np
from scipy.ndimage import binary_erosion, uniform_filter1d

from wav2lip.audio import SAMPLE_RATE
from wav2lip.evaluation.footage import FPS

MAX_LAG = 10  # frames
LAGS = np.arange(-MAX_LAG, MAX_LAG + 1)

# A voice is silent where its level stays this far below its loud parts (95th percentile) ...
SILENCE_DB = 18.0
# ... or below this level, in dB of full scale, which is inaudible ...
AUDIBLE_DB = -70.0
# ... for so many frames, without those next to speech: a mouth opens before it is heard and closes
# after.
MIN_SILENT_FRAMES = 8
GUARD_FRAMES = 3


def lagged_moments(real: np.ndarray, rendered: np.ndarray) -> np.ndarray:
    """Second moments of two mouth openings (n,) at each of LAGS: (21, 3) float64.

    The columns are the sums of products real x rendered, real x real and rendered x rendered, each
    centred on the frames that overlap at that lag. At a positive lag the rendered mouth is late.
    Sums of the moments of several clips give the pooled correlation (`pearson`).
    """
    rows = []
    for lag in LAGS.tolist():
        first = real[max(-lag, 0) : len(real) - max(lag, 0)]
        then = rendered[max(lag, 0) : len(rendered) - max(-lag, 0)]
        a, b = first - first.mean(), then - then.mean()
        rows.append((a @ b, a @ a, b @ b))
    return np.array(rows)


def pearson(moments: np.ndarray) -> np.ndarray:
    """Pearson's r in -1..1 at each lag, (..., 21), from moments (..., 21, 3).

    It is 0 if one of the mouths does not move.
    """
    scale = np.sqrt(moments[..., 1] * moments[..., 2])
    return np.divide(moments[..., 0], scale, out=np.zeros_like(scale), where=scale > 1e-12)


def silent_frames(samples: np.ndarray, frames: int) -> np.ndarray:
    """In which of `frames` frames (25 a second) a voice is silent, (frames,) bool.

    `samples` (m,) float in -1..1 at 16 kHz; beyond their end is silence. Silence is decided by the
    level alone, smoothed over three frames (see SILENCE_DB), so that it does not depend on the
    voice activity detection that a checkpoint uses.
    """
    hop = SAMPLE_RATE // FPS
    power = np.zeros(frames)
    squares = samples[: frames * hop].astype(np.float64) ** 2
    whole = len(squares) // hop
    power[:whole] = squares[: whole * hop].reshape(whole, hop).mean(1)
    level = 10 * np.log10(uniform_filter1d(power, 3, mode="nearest").clip(1e-12))
    quiet = level < max(np.percentile(level, 95) - SILENCE_DB, AUDIBLE_DB)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], quiet, [0])).astype(int)))
    for start, stop in edges.reshape(-1, 2):
        if stop - start < MIN_SILENT_FRAMES:
            quiet[start:stop] = False
    reach = np.ones(2 * GUARD_FRAMES + 1, bool)
    return binary_erosion(quiet, reach, border_value=1)
