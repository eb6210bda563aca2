"""The mel-spectrogram is the original's, and every frame hears its own 0.2 s."""

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import librosa
import numpy as np
import pytest

from wav2lip import audio

VECTORS = Path(__file__).parent / "parity" / "vectors.npz"


def tone(hz: float, seconds: float) -> np.ndarray:
    t = np.arange(round(seconds * audio.SAMPLE_RATE)) / audio.SAMPLE_RATE
    return (0.5 * np.sin(2 * np.pi * hz * t)).astype(np.float32)


def test_mel_is_the_originals() -> None:
    with np.load(VECTORS) as vectors:
        mel = audio.mel_spectrogram(vectors["wav_in"])
        np.testing.assert_allclose(mel, vectors["mel_out"], atol=1e-5)
    assert mel.dtype == np.float32


def test_the_filter_bank_is_librosas() -> None:
    bank = librosa.filters.mel(
        sr=audio.SAMPLE_RATE,
        n_fft=audio.N_FFT,
        n_mels=audio.N_MELS,
        fmin=audio.MEL_MIN_HZ,
        fmax=audio.MEL_MAX_HZ,
    )
    # The last bit of float32 is left to the order of the computation.
    np.testing.assert_allclose(audio._mel_filters(), bank, rtol=0, atol=2e-9)


def test_silence_is_the_lowest_value_and_a_tone_lights_up_one_band() -> None:
    assert (audio.mel_spectrogram(np.zeros(8000, np.float32)) == audio.SILENCE).all()
    low, high = (audio.mel_spectrogram(tone(hz, 1.0))[:, 40].argmax() for hz in (200.0, 4000.0))
    assert low < 10 < 50 < high


def test_long_sound_is_transformed_in_blocks_without_a_seam(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sound = np.random.default_rng(1).normal(0, 0.1, 50_000).astype(np.float32)
    whole = audio.mel_spectrogram(sound)
    monkeypatch.setattr(audio, "_BLOCK", 7)
    np.testing.assert_array_equal(audio.mel_spectrogram(sound), whole)


def test_of_a_long_sound_only_the_spectrogram_is_long() -> None:
    def needed(seconds: int) -> int:
        sound = np.zeros(seconds * audio.SAMPLE_RATE, np.float32)
        with tracing():
            mel = audio.mel_spectrogram(sound)
            return tracemalloc.get_traced_memory()[1] - mel.nbytes

    assert needed(90) < 1.1 * needed(30)


@contextmanager
def tracing() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


def test_the_samples_are_left_as_they_were() -> None:
    sound = tone(300.0, 0.1)
    before = sound.copy()
    audio.mel_spectrogram(sound)
    np.testing.assert_array_equal(sound, before)


def test_stereo_is_refused() -> None:
    with pytest.raises(ValueError, match="mono"):
        audio.mel_spectrogram(np.zeros((2, 800), np.float32))


@pytest.mark.parametrize(
    ("fps", "frame", "column"),
    [
        (Fraction(25), 3, 9),  # 9.6 columns
        (Fraction(25), 5, 16),
        (Fraction(30000, 1001), 1, 2),  # 2.67 columns
        (Fraction(30000, 1001), 30000, 80_080),  # no drift: 1001 s later exactly
    ],
)
def test_window_starts_at_the_last_column_before_its_frame(
    fps: Fraction, frame: int, column: int
) -> None:
    numbered = np.broadcast_to(np.arange(80_100, dtype=np.float32), (80, 80_100))
    (window,) = audio.mel_windows(numbered, frame, frame + 1, fps)
    assert window.shape == (80, 16)
    assert window[0].tolist() == list(range(column, column + 16))


def test_past_the_end_there_is_silence() -> None:
    mel = np.ones((80, 20), np.float32)
    windows = audio.mel_windows(mel, 4, 9, Fraction(25))
    assert (windows[0, :, :8] == 1).all()
    assert (windows[0, :, 8:] == audio.SILENCE).all()
    assert (windows[4] == audio.SILENCE).all()


def test_before_the_beginning_there_is_silence() -> None:
    mel = np.ones((80, 20), np.float32)
    windows = audio.mel_windows(mel, -6, 1, Fraction(25))
    assert (windows[0] == audio.SILENCE).all()
    assert (windows[3, :, :10] == audio.SILENCE).all()
    assert (windows[3, :, 10:] == 1).all()
    assert (windows[6] == 1).all()
