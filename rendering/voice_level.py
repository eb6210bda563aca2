"""The level at which a voice drives a mouth: the same for a quiet and for a loud recording."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from media.loudness import integrated_loudness
from wav2lip.audio import SAMPLE_RATE

# In LUFS: that of the sample voice, and of most recordings that the networks were trained on.
DRIVING_LOUDNESS = -18.0


def levelled(samples: np.ndarray) -> np.ndarray:
    """A voice (samples,) at 16 kHz brought to `DRIVING_LOUDNESS`, float32 of any range.

    The loudness is gated (EBU R128): pauses do not count. Digital silence stays as it is.
    """
    loudness = integrated_loudness(lambda: _seconds(samples), SAMPLE_RATE)
    if loudness is None:
        return samples
    return samples * np.float32(10 ** ((DRIVING_LOUDNESS - loudness) / 20))


def _seconds(samples: np.ndarray) -> Iterator[np.ndarray]:
    """The samples in blocks (1, samples) of a second."""
    for at in range(0, len(samples), SAMPLE_RATE):
        yield samples[None, at : at + SAMPLE_RATE]
