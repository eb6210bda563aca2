"""Test material made on the spot: videos whose every frame carries its number, and tones."""

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

WIDTH, HEIGHT, BITS = 128, 64, 8


@pytest.fixture(scope="session")
def numbered() -> Callable[[int], np.ndarray]:
    """The frame of a number: eight black or white bars, its binary digits."""

    def frame(number: int) -> np.ndarray:
        bits = [255 * (number >> bit & 1) for bit in range(BITS)]
        row = np.repeat(np.array(bits, np.uint8), WIDTH // BITS)
        return np.broadcast_to(row[None, :, None], (HEIGHT, WIDTH, 3)).copy()

    return frame


@pytest.fixture(scope="session")
def number_of() -> Callable[[np.ndarray], int]:
    """The number that a frame carries, after any codec."""

    def number(frame: np.ndarray) -> int:
        bars = frame[..., 1].reshape(frame.shape[0], BITS, -1).mean(axis=(0, 2))
        return sum(1 << bit for bit, level in enumerate(bars) if level > 127)

    return number


@pytest.fixture(scope="session")
def tone() -> Callable[..., np.ndarray]:
    """A sine as float32 (channels, samples)."""

    def samples(
        seconds: float, rate: int = 48000, hertz: float = 440, level: float = 0.5, channels: int = 1
    ) -> np.ndarray:
        time = np.arange(round(seconds * rate)) / rate
        wave = level * np.sin(2 * np.pi * hertz * time)
        return np.broadcast_to(wave.astype(np.float32), (channels, len(wave))).copy()

    return samples


@pytest.fixture(scope="session")
def write_media() -> Callable[..., Path]:
    """Write a file with a video track, a sound track, or both, in any container."""
    return _write_media


def _write_media(
    path: Path,
    frames: Iterable[np.ndarray] = (),
    *,
    fps: Fraction | int = 25,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    milliseconds: Sequence[int] | None = None,
    rotation: int | None = None,
    sound: np.ndarray | None = None,
    sound_codec: str = "aac",
    sound_rate: int = 48000,
    sound_options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    format: str | None = None,
) -> Path:
    frames = list(frames)
    with av.open(str(path), "w", format=format, options=container_options or {}) as output:
        if frames:
            video = output.add_stream(codec, rate=fps, options=options or {})
            video.height, video.width = frames[0].shape[:2]
            video.pix_fmt = pix_fmt
            if rotation is not None:
                video.set_display_rotation(rotation)
            base = Fraction(1, 1000) if milliseconds else 1 / Fraction(fps)
            video.codec_context.time_base = base
        if sound is not None:
            layout = "mono" if len(sound) == 1 else "stereo"
            audio = output.add_stream(sound_codec, rate=sound_rate, layout=layout)
            # For FFmpeg's own Vorbis.
            audio.codec_context.options = {"strict": "experimental", **(sound_options or {})}
        for number, frame in enumerate(frames):
            kind = "rgba" if frame.shape[2] == 4 else "rgb24"
            picture = av.VideoFrame.from_ndarray(frame, kind)
            picture.pts = milliseconds[number] if milliseconds else number
            picture.time_base = base
            output.mux(video.encode(picture))
        if frames:
            output.mux(video.encode(None))
        if sound is not None:
            frame = av.AudioFrame.from_ndarray(sound, "fltp", layout)
            frame.sample_rate, frame.pts = sound_rate, 0
            output.mux(audio.encode(frame))
            output.mux(audio.encode(None))
    return path


@pytest.fixture(scope="session")
def psnr() -> Callable[[np.ndarray, np.ndarray], float]:
    """Peak signal to noise ratio of two uint8 pictures in decibels."""

    def measure(one: np.ndarray, other: np.ndarray) -> float:
        error = np.mean((one.astype(np.float64) - other) ** 2)
        return float(10 * np.log10(255**2 / error)) if error else float("inf")

    return measure
