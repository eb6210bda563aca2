"""Odd videos: containers, codecs, pixel formats, colours, rates, turns, tracks, damage."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.video.reformatter import ColorRange

from benchmarks.odd_charts import chart, difference, odd_path
from benchmarks.odd_kind import Kind, OddInput, check_refused, require
from media.errors import MediaError
from media.media_info import SLOWEST_RATE
from media.probe import MediaInfo, probe
from media.video import read_frames, read_frames_at


@dataclass(frozen=True)
class Format:
    """A container, a codec and a pixel format, by libav's names.

    `tagged` says that the file tells the colour matrix and the range; `full` that levels go from 0
    to 255 in any case. `step` is what sides are multiples of. `rates` are all that it can have,
    any if empty, and `precise` says that it keeps times to a tenth of a millisecond.
    """

    ending: str
    codec: str
    pix_fmt: str
    options: dict[str, str] = field(default_factory=dict)
    container: str | None = None
    tagged: bool = False
    full: bool = False
    step: int = 1
    rates: tuple[Fraction, ...] = ()
    variable: bool = False


_BROADCAST = tuple(
    Fraction(*rate) for rate in ((24000, 1001), (24, 1), (25, 1), (30000, 1001), (30, 1), (50, 1))
)
_X264 = {"crf": "4", "preset": "veryfast", "g": "12"}
_X265 = {"x265-params": "log-level=none:crf=4", "preset": "ultrafast"}
_VPX = {"crf": "4", "b": "8M", "deadline": "realtime", "cpu-used": "8"}
_FORMATS: tuple[Format, ...] = (
    Format("mp4", "libx264", "yuv420p", _X264, tagged=True, step=2, variable=True),
    Format("mp4", "libx264", "yuv444p", _X264, tagged=True, variable=True),
    Format("mov", "libx264", "yuv422p10le", _X264, tagged=True, step=2, variable=True),
    Format("mkv", "libx264", "yuv420p", _X264, tagged=True, step=2, variable=True),
    Format("ts", "libx264", "yuv420p", _X264, "mpegts", tagged=True, step=2),
    Format("avi", "libx264", "yuv420p", {**_X264, "bf": "0"}, tagged=True, step=2),
    Format("mp4", "libx265", "yuv420p", _X265, tagged=True, step=2, variable=True),
    Format("mkv", "libx265", "yuv420p10le", _X265, tagged=True, step=2, variable=True),
    Format("mov", "prores_ks", "yuv422p10le", tagged=True, step=2, variable=True),
    Format("mov", "mjpeg", "yuvj444p", {"qmin": "1", "qmax": "2"}, full=True, variable=True),
    Format("mov", "png", "rgb24", variable=True),
    Format("mov", "qtrle", "rgb24", variable=True),
    Format("webm", "libvpx", "yuv420p", _VPX),
    Format("webm", "libvpx-vp9", "yuv420p", _VPX, tagged=True, variable=True),
    Format("webm", "libvpx-vp9", "yuv444p", _VPX, tagged=True, variable=True),
    Format("mkv", "libsvtav1", "yuv420p", {"crf": "3", "preset": "10"}, tagged=True, step=2),
    Format("mkv", "ffv1", "yuv444p", tagged=True, variable=True),
    Format("mkv", "ffv1", "bgr0", variable=True),
    Format("mkv", "ffv1", "yuv422p10le", tagged=True, step=2),
    Format("avi", "ffv1", "yuv420p"),
    Format("avi", "huffyuv", "yuv422p", step=2),
    Format("avi", "rawvideo", "bgr24"),
    Format("avi", "mpeg4", "yuv420p", {"g": "12"}),
    Format("avi", "mjpeg", "yuvj420p", {"qmin": "1", "qmax": "2"}, full=True),
    Format("mp4", "mpeg4", "yuv420p", {"g": "12"}, variable=True),
    Format("mpg", "mpeg2video", "yuv420p", {"g": "12"}, "mpeg", rates=_BROADCAST, step=2),
    Format("ts", "mpeg2video", "yuv422p", {"g": "12"}, "mpegts", rates=_BROADCAST, step=2),
    Format("mxf", "mpeg2video", "yuv420p", {"g": "12"}, "mxf", rates=_BROADCAST[:-1], step=2),
    Format("wmv", "wmv2", "yuv420p", {"g": "12"}, "asf", step=2),
)  # fmt: skip
os.environ.setdefault("SVT_LOG", "1")  # errors only
_BY_BIT_RATE = ("mjpeg", "mpeg4", "mpeg2video", "wmv2")
_RATES = tuple(
    Fraction(*rate)
    for rate in (
        (1, 1), (5, 1), (10, 1), (12, 1), (15, 1), (18, 1), (20, 1), (24000, 1001), (24, 1),
        (25, 1), (30000, 1001), (30, 1), (48, 1), (50, 1), (60000, 1001), (60, 1), (90, 1),
        (100, 1), (120, 1),
    )
)  # fmt: skip
# Red's and blue's part in luma (ITU-R BT.601, BT.709, BT.2020), and the numbers of H.273.
_MATRICES = {6: (0.299, 0.114), 1: (0.2126, 0.0722)}
_UNSPECIFIED, _HD_HEIGHT = 2, 720
_LOSSY = 10.0  # levels that a colour may be off
_JITTER = Fraction(3, 2000)  # seconds that a container may round a time by


@dataclass(frozen=True)
class Film:
    """What a video shows: pictures, when each begins and the last ends, in seconds."""

    pictures: list[np.ndarray]
    times: list[Fraction]
    notes: tuple[str, ...] = ()
    has_audio: bool = False


def write(
    path: Path,
    film: Film,
    format: Format,
    rate: Fraction,
    matrix: int = _UNSPECIFIED,
    full: bool = False,
    turn: int = 0,
    ratio: Fraction | None = None,
    sounds: int = 0,
    variable: bool = False,
) -> Path:
    """Encode pictures uint8 (height, width, 3), with `sounds` tracks of a tone."""
    with av.open(str(path), "w", format=format.container) as output:
        stream = cast(av.VideoStream, output.add_stream(format.codec, rate=rate))
        context = stream.codec_context
        context.options = dict(format.options)
        context.height, context.width = film.pictures[0].shape[:2]
        context.pix_fmt = format.pix_fmt
        if format.codec in _BY_BIT_RATE:
            context.bit_rate = 40_000_000
        context.time_base = Fraction(1, 1000) if variable else 1 / rate
        if matrix != _UNSPECIFIED:
            context.colorspace = matrix
        if format.tagged:
            context.color_range = ColorRange.JPEG if full else ColorRange.MPEG
        if ratio is not None:
            context.sample_aspect_ratio = ratio
        if turn:
            stream.set_display_rotation(turn)
        tracks = [
            cast(av.AudioStream, output.add_stream("pcm_s16le" if path.suffix == ".avi" else "aac",
                                                   rate=48000, layout="mono"))
            for _ in range(sounds)
        ]  # fmt: skip
        for number, (picture, time) in enumerate(zip(film.pictures, film.times, strict=False)):
            stored = _stored(picture, format, matrix, full or format.full)
            stored.pts = round(time * 1000) if variable else number
            stored.time_base = context.time_base
            if matrix != _UNSPECIFIED:
                stored.colorspace = matrix
            output.mux(stream.encode(stored))
        output.mux(stream.encode(None))
        for track in tracks:
            _sound(output, track, film.times[-1])
    return path


def _stored(picture: np.ndarray, format: Format, matrix: int, full: bool) -> av.VideoFrame:
    """A picture in a pixel format: colours by the formulas of the standards, 16 bits each."""
    if format.pix_fmt in ("rgb24", "bgr24", "bgr0"):
        return av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format=format.pix_fmt)
    if matrix == _UNSPECIFIED:
        matrix = 1 if picture.shape[0] >= _HD_HEIGHT and not format.full else 6
    red, blue = _MATRICES[matrix]
    values = picture / 255
    luma = values @ np.array((red, 1 - red - blue, blue))
    chroma = [(values[..., c] - luma) / (2 * (1 - part)) for c, part in ((2, blue), (0, red))]
    if full:
        planes = [255 * luma, *(128 + 255 * each for each in chroma)]
    else:
        planes = [16 + 219 * luma, *(128 + 224 * each for each in chroma)]
    deep = np.rint(np.stack(planes, 2) * 256).clip(0, 65535).astype(np.uint16)
    frame = av.VideoFrame.from_ndarray(deep, "yuv444p16le")
    frame.color_range = ColorRange.JPEG if full else ColorRange.MPEG
    kept = ColorRange.JPEG if full else ColorRange.MPEG
    made = frame.reformat(format=format.pix_fmt, src_color_range=kept, dst_color_range=kept)
    made.color_range = kept
    return made


def _sound(output: av.container.OutputContainer, track: av.AudioStream, seconds: Fraction) -> None:
    count = max(1, round(seconds * 48000))
    tone: Any = (8000 * np.sin(np.arange(count) / 20)).astype(np.int16)[None]
    frame = av.AudioFrame.from_ndarray(tone, "s16", "mono")
    frame.sample_rate, frame.pts = 48000, 0
    output.mux(track.encode(frame))
    output.mux(track.encode(None))


def _drawn(rng: np.random.Generator, format: Format, count: int) -> list[np.ndarray]:
    """Pictures of one size, drawn by chance, that the format can hold."""
    most = 800 if rng.random() < 0.1 else 200
    width, height = (int(rng.integers(16, most)) // format.step * format.step for _ in range(2))
    return [chart(rng, width, height) for _ in range(count)]


def _evenly(count: int, rate: Fraction) -> list[Fraction]:
    return [number / rate for number in range(count + 1)]


def _choice(rng: np.random.Generator, among: Sequence[Any]) -> Any:
    return among[int(rng.integers(len(among)))]


def _slow_note(rate: Fraction) -> tuple[str, ...]:
    return ("held",) if rate < SLOWEST_RATE else ()


def _formatted(rng: np.random.Generator, folder: Path) -> OddInput[Film]:
    format: Format = _choice(rng, _FORMATS)
    rate: Fraction = _choice(rng, format.rates or _RATES)
    count = int(rng.integers(2, 16))
    matrix, full = _UNSPECIFIED, False
    if format.tagged and rng.random() < 0.7:
        matrix = _choice(rng, tuple(_MATRICES))
        full = format.codec != "prores_ks" and bool(rng.random() < 0.3)
    sounds = int(rng.integers(0, 2)) if format.ending in ("mp4", "mov", "mkv", "avi", "ts") else 0
    film = Film(_drawn(rng, format, count), _evenly(count, rate), _slow_note(rate), sounds > 0)
    path = odd_path(rng, folder, format.ending)
    path = _written(path, format, film, rate, matrix=matrix, full=full, sounds=sounds)
    height, width = film.pictures[0].shape[:2]
    return OddInput(
        path,
        f"{format.ending} {format.codec} {format.pix_fmt} {width}x{height}, {rate}/s x {count}, "
        f"matrix {matrix}{' full' * full}, {sounds} sounds",
        film,
    )


def _written(path: Path, format: Format, film: Film, rate: Fraction, **more: Any) -> Path:
    """Write under a usual name, by whose ending libav knows the container, and rename."""
    usual = path.with_name(f"made.{format.ending}")
    return write(usual, film, format, rate, **more).rename(path)


def _variable(rng: np.random.Generator, folder: Path) -> OddInput[Film]:
    """Pictures that begin at any millisecond."""
    format: Format = _choice(rng, [each for each in _FORMATS if each.variable])
    gaps = rng.integers(8, int(rng.integers(20, 300)), int(rng.integers(4, 20)))
    times = [Fraction(int(time), 1000) for time in (0, *np.cumsum(gaps))]
    pictures = _drawn(rng, format, len(times) - 1)
    film = Film(pictures, times)
    path = _written(odd_path(rng, folder, format.ending), format, film, Fraction(30), variable=True)
    return OddInput(path, f"{format.ending} {format.codec}, {gaps.tolist()} ms", film)


def _turned(rng: np.random.Generator, folder: Path) -> OddInput[Film]:
    """With a rotation flag, or with pixels that are not square."""
    format: Format = _choice(rng, [each for each in _FORMATS if each.ending in ("mp4", "mov")])
    shown = _drawn(rng, format, 3)
    path, rate = odd_path(rng, folder, format.ending), Fraction(25)
    times = _evenly(3, rate)
    if rng.random() < 0.5:
        turn = int(_choice(rng, (90, 180, 270)))
        stored = [np.ascontiguousarray(np.rot90(each, -turn // 90)) for each in shown]
        _written(path, format, Film(stored, times), rate, turn=turn)
        return OddInput(path, f"{format.codec}, turned by {turn}", Film(shown, times))
    ratio: Fraction = _choice(rng, (Fraction(4, 3), Fraction(16, 11), Fraction(8, 9)))
    _written(path, format, Film(shown, times), rate, ratio=ratio)
    width = max(1, round(shown[0].shape[1] * ratio))
    across = np.arange(width) * shown[0].shape[1] // width
    return OddInput(
        path, f"{format.codec}, pixels of {ratio}", Film([each[:, across] for each in shown], times)
    )


def _interlaced(rng: np.random.Generator, folder: Path) -> OddInput[Film]:
    format = replace(_FORMATS[0], ending=str(_choice(rng, ("mp4", "mkv", "mov"))), step=4)
    format = replace(format, options={**_X264, "x264-params": f"{_choice(rng, ('tff', 'bff'))}=1"})
    rate: Fraction = _choice(rng, (Fraction(25), Fraction(30000, 1001)))
    count = int(rng.integers(3, 10))
    picture = _drawn(rng, format, 1)
    film = Film(picture * count, _evenly(count, rate), ("interlaced",))
    path = _written(odd_path(rng, folder, format.ending), format, film, rate)
    return OddInput(path, f"{format.ending}, {format.options['x264-params']}, {rate}/s", film)


def _many_tracks(rng: np.random.Generator, folder: Path) -> OddInput[Film | str]:
    format = replace(_FORMATS[3], ending=str(_choice(rng, ("mkv", "mp4"))))
    sounds = int(rng.integers(2, 40))
    film = Film(_drawn(rng, format, 4), _evenly(4, Fraction(25)), has_audio=True)
    path = _written(odd_path(rng, folder, format.ending), format, film, Fraction(25), sounds=sounds)
    return OddInput(path, f"{sounds} sounds", film if sounds < 32 else "too-large")


def _transparent(rng: np.random.Generator, folder: Path) -> OddInput[Film]:
    ending, codec, pix_fmt = _choice(
        rng,
        (
            ("mov", "png", "rgba"),
            ("mov", "qtrle", "argb"),
            ("mov", "prores_ks", "yuva444p10le"),
            ("webm", "libvpx-vp9", "yuva420p"),
            ("mkv", "ffv1", "yuva444p"),
        ),
    )
    width, height, count = 96, 2 * int(rng.integers(20, 60)), int(rng.integers(2, 6))
    colour, hole = chart(rng, width, height), rng.random() < 0.5
    alpha = np.full((height, width, 1), 255, np.uint8)
    alpha[:, : width // 2] = 0 if hole else 128
    options = {**_VPX, "auto-alt-ref": "0"} if "vpx" in codec else {}
    path = odd_path(rng, folder, ending)
    usual = path.with_name(f"made.{ending}")
    with av.open(str(usual), "w") as output:
        stream = cast(av.VideoStream, output.add_stream(codec, rate=25, options=options))
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        for number in range(count):
            picture = np.concatenate((colour, alpha), 2)
            frame = av.VideoFrame.from_ndarray(picture, "rgba")
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    usual.rename(path)
    shown = np.rint((colour * (alpha / 255.0)) + 255 * (1 - alpha / 255.0)).astype(np.uint8)
    film = Film([shown] * count, _evenly(count, Fraction(25)), ("transparent",))
    return OddInput(path, f"{codec} {pix_fmt}, {'a hole' if hole else 'glass'}", film)


def film_of_two_sizes(path: Path, before: int) -> Path:
    """A Matroska file of 30 frames, 128x64 and, after `before` of them, 384x192.

    VP8 has its size in each keyframe: the pictures of two encoders are in one stream.
    """
    options = {"deadline": "realtime", "cpu-used": "8", "g": "10"}
    with av.open(str(path), "w", format="matroska") as output:
        stream = cast(av.VideoStream, output.add_stream("libvpx", rate=25, options=options))
        stream.width, stream.height, stream.pix_fmt = 128, 64, "yuv420p"
        number = 0
        for side, count in ((64, before), (192, 30 - before)):
            encoder = cast(av.VideoCodecContext, av.CodecContext.create("libvpx", "w"))
            encoder.options = options
            encoder.width, encoder.height, encoder.pix_fmt = 2 * side, side, "yuv420p"
            encoder.time_base = Fraction(1, 25)
            for _ in range(count):
                picture = av.VideoFrame.from_ndarray(np.zeros((side, 2 * side, 3), np.uint8))
                picture.pts, number = number, number + 1
                for packet in encoder.encode(picture):
                    packet.stream = stream
                    output.mux(packet)
    return path


def _changing(rng: np.random.Generator, folder: Path) -> OddInput[str]:
    path, before = odd_path(rng, folder, "mkv"), int(rng.integers(1, 29))
    return OddInput(film_of_two_sizes(path, before), f"after {before} frames", "size-changes")


def _damaged(rng: np.random.Generator, folder: Path) -> OddInput[Film]:
    """Cut short, with some bytes lost, or with something after the end."""
    format: Format = _choice(rng, _FORMATS)
    rate = Fraction(25)
    film = Film(_drawn(rng, format, 25), _evenly(25, rate))
    path = _written(odd_path(rng, folder, format.ending), format, film, rate)
    content, damage = bytearray(path.read_bytes()), str(_choice(rng, ("cut", "lost", "more")))
    place = int(rng.integers(len(content)))
    if damage == "cut":
        del content[place:]
    elif damage == "lost":
        content[place : place + 300] = bytes(300)
    else:
        content += rng.bytes(2000)
    path.write_bytes(content)
    said = f"{format.ending} {format.codec}, {damage} at {place} of {len(content)}"
    return OddInput(path, said, film)


def _check_film(made: OddInput[Film]) -> None:
    """Size, length, notes, and the picture of every frame; the same from the middle."""
    info, film = probe(made.path), made.truth
    height, width = film.pictures[0].shape[:2]
    require((info.kind, info.width, info.height) == ("video", width, height), f"taken for {info}")
    require(info.has_audio == film.has_audio, f"sound: {info.has_audio}")
    said = tuple(note for note in info.notes if note != "held")
    wanted = tuple(note for note in film.notes if note != "held")
    require(said == wanted, f"noted {info.notes}, not {film.notes}")
    if "held" in film.notes:
        require("held" in info.notes, "held frames without a note")
    lasts, right = float(info.duration or 0), float(film.times[-1])
    last = float(film.times[-1] - film.times[-2])
    require(abs(lasts - right) <= max(0.05, last), f"lasts {lasts:.3f} s, not {right:.3f} s")
    frames = list(read_frames(made.path))
    require(len(frames) == info.frames, f"{len(frames)} frames, not {info.frames}")
    for tick, frame in enumerate(frames):
        _require_picture(frame, tick, info, film)
    middle = len(frames) // 2
    again = next(read_frames_at(made.path, [middle]))
    require(np.array_equal(again, frames[middle]), f"frame {middle} is another from the middle")


def _require_picture(frame: np.ndarray, tick: int, info: MediaInfo, film: Film) -> None:
    """Require that a frame is a picture that is shown at its time, but for rounded times."""
    right = film.pictures[0].shape
    require(frame.shape == right, f"frame {tick} is {frame.shape}, not {right}")
    fitting = sorted(set(_shown_at(tick, info, film)))
    off = min(difference(frame, film.pictures[number]) for number in fitting)
    require(off <= _LOSSY, f"frame {tick} is no picture of {fitting}: off by {off:.1f}")


def _shown_at(tick: int, info: MediaInfo, film: Film) -> Iterator[int]:
    fps = info.fps or Fraction(1)
    for shift in (-_JITTER, Fraction(0), _JITTER):
        until = (tick + Fraction(1, 2)) / fps + shift
        yield max(0, sum(time < until for time in film.times[:-1]) - 1)


def _check_tracks(made: OddInput[Film | str]) -> None:
    if isinstance(made.truth, str):
        check_refused(OddInput(made.path, made.description, made.truth))
    else:
        _check_film(OddInput(made.path, made.description, made.truth))


def _check_damaged(made: OddInput[Film]) -> None:
    """Refused by name, or read as far as it goes: what is counted is what is read."""
    try:
        info = probe(made.path)
        frames = list(read_frames(made.path))
    except MediaError as error:
        codes = ("unreadable-media", "unsupported-type", "size-changes", "too-large", "too-long")
        require(error.code in codes, f"refused as {error.code}")
        require("more" not in made.description, "refused, and it is whole")
        return
    require(info.kind == "video", f"taken for {info}")
    require(len(frames) == info.frames, f"{len(frames)} frames, not {info.frames}")


KINDS: tuple[Kind[Any], ...] = (
    Kind("video-format", _formatted, _check_film),
    Kind("video-variable", _variable, _check_film),
    Kind("video-turned", _turned, _check_film),
    Kind("video-interlaced", _interlaced, _check_film),
    Kind("video-tracks", _many_tracks, _check_tracks),
    Kind("video-transparent", _transparent, _check_film),
    Kind("video-changing", _changing, check_refused),
    Kind("video-damaged", _damaged, _check_damaged),
)
