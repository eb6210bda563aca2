"""The audio features of Wav2Lip: an 80-band log-mel spectrogram and the window of it for a frame.

The hyper-parameters are those of the original, so that its checkpoints get what they were trained
on (Prajwal et al., "A Lip Sync Expert Is All You Need for Speech to Lip Generation In the Wild",
ACM MM 2020). The original computes the same with librosa, which takes seconds to import and needs
the whole sound in memory; here only numpy is used, in blocks (docs/architecture.md, Libraries).
"""

from fractions import Fraction
from functools import cache
from math import floor

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
N_FFT = 800
HOP = 200
MEL_RATE = SAMPLE_RATE // HOP  # 80 mel columns in a second
N_MELS = 80
MEL_MIN_HZ, MEL_MAX_HZ = 55.0, 7600.0
MEL_WINDOW = 16  # columns: 0.2 s, the sound of one frame
PRE_EMPHASIS = 0.97
REFERENCE_DB = 20.0
FLOOR_DB = -100.0
SILENCE = -4.0  # the value of a silent cell; the loudest is +4

_BLOCK = 1024  # columns transformed at once, in 30 MB, however long the sound is


def mel_spectrogram(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Log-mel spectrogram of `samples` (n,), mono 16 kHz in -1..1: (80, 1 + n // 200) float32.

    Values are in -4..4, 8 for 100 dB; column t is centred on sample 200 t. The sound is padded with
    digital silence. Raises ValueError for an array that is not one-dimensional.
    """
    if samples.ndim != 1:
        raise ValueError(f"mono sound expected, got an array of shape {samples.shape}")
    mel = np.empty((N_MELS, 1 + len(samples) // HOP), np.float32)
    for start in range(0, mel.shape[1], _BLOCK):
        stop = min(start + _BLOCK, mel.shape[1])
        part = _pre_emphasised(samples, HOP * start - N_FFT // 2, HOP * (stop - 1) + N_FFT // 2)
        windows = np.lib.stride_tricks.sliding_window_view(part, N_FFT)[::HOP]
        mel[:, start:stop] = _log_mel(windows)
    return mel


def mel_windows(
    mel: NDArray[np.float32], start: int, stop: int, fps: Fraction
) -> NDArray[np.float32]:
    """The mel windows of the frames start..stop of a video of `fps`: (stop - start, 80, 16).

    The window of frame i starts at column floor(80 i / fps) of `mel` (80, T), which is padded with
    silence on both sides, so that a result may last longer than its voice.
    """
    first = [floor(MEL_RATE * i / Fraction(fps)) for i in range(start, stop)]
    windows = np.full((stop - start, N_MELS, MEL_WINDOW), SILENCE, dtype=np.float32)
    for window, column in zip(windows, first, strict=True):
        part = mel[:, max(column, 0) : max(column + MEL_WINDOW, 0)]
        before = max(-column, 0)
        window[:, before : before + part.shape[1]] = part
    return windows


def _pre_emphasised(samples: NDArray[np.float32], start: int, stop: int) -> NDArray[np.float64]:
    """Samples start..stop after pre-emphasis, x[n] - 0.97 x[n - 1]; zero outside `samples`."""
    first, last = max(start - 1, 0), min(stop, len(samples))
    part = samples[first:last].astype(np.float64)
    part[1:] -= PRE_EMPHASIS * part[:-1]
    part = part[max(start, 0) - first :]
    return np.pad(part, (max(-start, 0), stop - last))


def _log_mel(frames: NDArray[np.float64]) -> NDArray[np.float32]:
    magnitude = np.abs(np.fft.rfft(frames * _hann(), axis=1))
    mel = _mel_filters() @ magnitude.T
    decibel = 20 * np.log10(np.maximum(10 ** (FLOOR_DB / 20), mel)) - REFERENCE_DB
    scaled = 2 * -SILENCE * (decibel - FLOOR_DB) / -FLOOR_DB + SILENCE
    return np.clip(scaled, SILENCE, -SILENCE).astype(np.float32)


@cache
def _hann() -> NDArray[np.float64]:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)


@cache
def _mel_filters() -> NDArray[np.float64]:
    """Slaney's mel filter bank (80, 401): triangles of equal area, evenly spaced on the mel scale
    (M. Slaney, Auditory Toolbox, Technical Report 1998-010). It is librosa.filters.mel, up to the
    last bit of float32.
    """
    edges = _mel_to_hz(np.linspace(_hz_to_mel(MEL_MIN_HZ), _hz_to_mel(MEL_MAX_HZ), N_MELS + 2))
    lower, centre, upper = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    bins = np.fft.rfftfreq(N_FFT, 1 / SAMPLE_RATE)[None]
    rising = (bins - lower) / (centre - lower)
    falling = (upper - bins) / (upper - centre)
    triangles = np.maximum(0, np.minimum(rising, falling)) * 2 / (upper - lower)
    # The original's filter bank is in single precision.
    return triangles.astype(np.float32).astype(np.float64)


# Slaney's mel scale: linear, 200/3 Hz a mel, up to 1 kHz (mel 15), then 27 mels for a factor 6.4.
_LINEAR = 200 / 3
_KNEE_HZ, _KNEE_MEL = 1000.0, 15.0
_LOG_STEP = np.log(6.4) / 27


def _hz_to_mel(hz: float) -> float:
    if hz < _KNEE_HZ:
        return hz / _LINEAR
    return float(_KNEE_MEL + np.log(hz / _KNEE_HZ) / _LOG_STEP)


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    curved = _KNEE_HZ * np.exp(_LOG_STEP * (mel - _KNEE_MEL))
    return np.where(mel < _KNEE_MEL, mel * _LINEAR, curved)
