"""Video files of clips: finding, cutting, and replacing their sound."""

from __future__ import annotations

import os
import shutil
import wave
from collections.abc import Iterable
from fractions import Fraction
from itertools import chain
from pathlib import Path

import numpy as np

from dataset.worklist import same_name
from media.assemble import concatenate
from media.container import good_packets, open_media, required_video_stream, time_base
from media.errors import NamedError, not_a_face_file
from media.folders import SUFFIXES, videos_in
from media.mixing import RATE, stereo_blocks
from media.probe import Limits, probe
from media.sound import read_sound, soundtrack_delay
from media.timeline import round_half_up
from media.video import VideoWriter, read_frames

# Raw footage may be long: it is read in a stream, and cut.
LIMITS = Limits(bytes=2**40, duration=Fraction(24 * 3600), frames=24 * 3600 * 120)


def find_videos(source: Path, out: Path) -> dict[str, Path]:
    """Every video in a folder, at any depth, by its name there; or the one file given.

    A name has `/` between folders and no suffix. Files in `out`, where the caller writes, are
    ignored. Raises NamedError `no-clips`, `same-folder`, `same-name`.
    """
    if source.is_file():
        return {source.stem: source}
    made = out.resolve()
    if made == source.resolve():
        raise NamedError(
            "same-folder",
            f"Clips would be read from {source} and written there.",
            "Choose another folder for what is made.",
        )
    named: dict[str, Path] = {}
    for path in videos_in(source):
        if made in path.resolve().parents:
            continue
        name = path.relative_to(source).with_suffix("").as_posix()
        if name in named:
            raise same_name(named[name], path, name)
        named[name] = path
    if not named:
        raise NamedError(
            "no-clips",
            f"There is no video in {source}.",
            f"Give a folder with files named {', '.join(sorted(SUFFIXES))}.",
        )
    return named


def rate_and_frames(path: Path) -> tuple[Fraction, int]:
    """Frames a second, and the number of frames, of a video of any length. Raises MediaError."""
    info = probe(path, LIMITS)
    if info.fps is None or info.frames is None:
        raise not_a_face_file()
    return info.fps, info.frames


def write_clip(
    target: Path, frames: Iterable[np.ndarray], fps: Fraction, sound: Path | None
) -> int:
    """Encode `frames` (RGB uint8 (h, w, 3), at least one) and `sound`; returns the frames' number.

    The sound, a file, is cut or padded with silence to the length of the picture.
    """
    silent = target.with_suffix(".silent.mp4")
    waiting = iter(frames)
    first, count = next(waiting), 0
    with VideoWriter(silent, first.shape[1], first.shape[0], fps) as video:
        for frame in chain([first], waiting):
            video.write(frame)
            count += 1
    concatenate([silent], sound, target, fps, count, {"comment": ""})
    silent.unlink()
    return count


def write_sound(path: Path, source: Path, begin: Fraction, seconds: Fraction) -> None:
    """Write the sound of a video as WAV, 48 kHz stereo, from `begin` (seconds of its picture) on.

    It lasts `seconds` to the sample, padded with silence at both ends. Raises MediaError.
    """
    start = soundtrack_delay(source) - begin
    blocks = stereo_blocks(source, round_half_up(seconds * RATE), start)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        for block in blocks:
            file.writeframes(np.rint(block.clip(-1, 1) * 32767).astype("<i2").tobytes())


def cut_sound(path: Path, whole: Path, begin: Fraction, seconds: Fraction) -> None:
    """Write the part of a WAV that starts at `begin` and lasts `seconds`, exact to the sample."""
    with wave.open(str(whole), "rb") as source, wave.open(str(path), "wb") as file:
        file.setparams(source.getparams())
        rate = source.getframerate()
        source.setpos(min(round_half_up(begin * rate), source.getnframes()))
        file.writeframes(source.readframes(round_half_up(seconds * rate)))


def read_clip_sound(path: Path, begin: Fraction, seconds: Fraction, rate: int) -> np.ndarray:
    """The sound of a clip from `begin` (seconds of its picture) on: (n,) float32 mono at `rate`.

    It lasts `seconds` to the sample, padded with silence at both ends. Raises MediaError.
    """
    samples = read_sound(path, rate)
    skip = round_half_up((begin - soundtrack_delay(path)) * rate)
    samples = np.pad(samples, (max(-skip, 0), 0))[max(skip, 0) :]
    length = round_half_up(seconds * rate)
    return np.pad(samples[:length], (0, max(length - len(samples), 0)))


def shift_sound(source: Path, target: Path, begin: Fraction) -> None:
    """Write `source` with its sound from `begin` (seconds of the picture) on.

    The picture is copied without decoding if it can be, and otherwise encoded again.
    """
    fps, frames = rate_and_frames(source)
    sound = target.with_suffix(".wav")
    write_sound(sound, source, begin, frames / fps)
    if _copyable(source, fps, frames):
        concatenate([source], sound, target, fps, frames, {"comment": ""})
    else:
        write_clip(target, read_frames(source), fps, sound)
    sound.unlink()


def link_or_copy(source: Path, target: Path) -> None:
    """Make `target` a hard link to `source`, or a copy where the file system has no links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _copyable(path: Path, fps: Fraction, frames: int) -> bool:
    """Whether the video is H.264 in MP4 at a constant frame rate from time 0 on."""
    with open_media(path) as container:
        stream = required_video_stream(container)
        if not container.format.name.startswith("mov") or stream.codec_context.name != "h264":
            return False
        ticks = fps * time_base(stream)
        places = sorted(
            round(packet.pts * ticks)
            for packet in good_packets(container, stream)
            if packet.pts is not None
        )
    return places == list(range(frames))
