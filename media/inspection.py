"""The work behind `media.probe.probe`: headers are checked against the packets themselves."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from media.animation import animation_rate, animation_times
from media.cicp import code_points
from media.container import (
    audio_stream,
    decoded,
    good_packets,
    open_media,
    packet_end,
    required_video_stream,
    stream_rate,
    stream_start,
    video_stream,
)
from media.errors import MediaError, unreadable
from media.media_info import Limits, MediaInfo, working_rate, working_size
from media.pictures import open_picture, read_picture
from media.signature import read_signature
from media.timeline import result_frames

if TYPE_CHECKING:
    from av import Packet
    from av.container import InputContainer


def inspect(path: Path, limits: Limits) -> MediaInfo:
    """See `media.probe.probe`."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise unreadable() from error
    if size > limits.bytes:
        raise MediaError(
            "too-large",
            f"This file is larger than {limits.bytes // 1024**2} MiB.",
            "Cut it shorter or compress it more.",
        )
    if read_signature(path).reader == "pillow":
        return _inspect_picture(path, limits)
    return _inspect_media(path, limits)


def _inspect_picture(path: Path, limits: Limits) -> MediaInfo:
    with open_picture(path) as image:
        _check_size(image.width, image.height, limits)
        canvas = image.width * image.height
        points = code_points(path, image.format or "")
        facts = {
            "hdr": points is not None and points.is_hdr,
            "reduced": working_size(*image.size) != image.size,
            "several-pictures": image.format == "AVIF" and getattr(image, "n_frames", 1) > 1,
        }
        notes = tuple(note for note, holds in facts.items() if holds)
    times = animation_times(path, most=limits.frames + 1)
    count = len(times) - 1
    if canvas * count > limits.animated_pixels:
        raise MediaError(
            "too-large",
            f"{count} frames of {canvas / 1e6:.1f} megapixels are too much for a moving picture.",
            "Convert it to an MP4 video.",
        )
    height, width = read_picture(path).shape[:2]
    if count < 2:
        return MediaInfo("image", width, height, notes=notes)
    own_rate = animation_rate(times)
    rate = working_rate(own_rate)
    _check_length(times[-1], rate, limits)
    frames = result_frames(times[-1], rate)
    notes += ("held",) if rate != own_rate else ()
    return MediaInfo("video", width, height, rate, frames, times[-1], notes=notes)


def _inspect_media(path: Path, limits: Limits) -> MediaInfo:
    with open_media(path) as container:
        _check_tracks(container, limits)
        moving = video_stream(container) is not None
        has_audio = audio_stream(container) is not None
        if not moving and not has_audio:
            raise unreadable()
    return _inspect_video(path, limits, has_audio) if moving else _inspect_sound(path, limits)


def _check_tracks(container: InputContainer, limits: Limits) -> None:
    if len(container.streams) > limits.streams:
        raise MediaError(
            "too-large",
            f"This file holds {len(container.streams)} tracks.",
            "Export it with one picture and one sound track.",
        )
    tags = [container.metadata, *(stream.metadata for stream in container.streams)]
    if sum(len(name) + len(text) for each in tags for name, text in each.items()) > limits.metadata:
        raise MediaError(
            "too-large", "This file carries too many tags.", "Export it without metadata."
        )
    track = audio_stream(container)
    if track and (track.channels > limits.channels or track.sample_rate > limits.sample_rate):
        raise MediaError(
            "too-large",
            f"The sound has {track.channels} channels of {track.sample_rate} samples a second.",
            "Export it as stereo with 48000 samples a second.",
        )


def _inspect_video(path: Path, limits: Limits, has_audio: bool) -> MediaInfo:
    width, height, notes = _first_picture(path, limits)
    with open_media(path) as container:
        stream = required_video_stream(container)
        own_rate, origin = stream_rate(stream), stream_start(stream)
        rate, duration = working_rate(own_rate), Fraction(0)

        def measured() -> Iterator[Packet]:
            nonlocal duration
            for packet in good_packets(container, stream):
                duration = max(duration, (packet_end(packet, own_rate) or origin) - origin)
                _check_length(duration, rate, limits)
                yield packet

        for _ in decoded(stream, _sample(measured())):
            pass  # it raises where they are not of one size
    notes += ("held",) if rate != own_rate else ()
    return MediaInfo(
        "video", width, height, rate, result_frames(duration, rate), duration, has_audio, notes
    )


def _sample(packets: Iterator[Packet]) -> Iterator[Packet]:
    """The first keyframes of `packets`, then ever fewer of them, and the last one.

    Each can be decoded alone. A size that changes for good is found with some ten of them, however
    long the video is; the workers find all other changes as they read.
    """
    number, due, last = 0, 1, None
    for packet in packets:
        if packet.is_keyframe:
            number += 1
            last = packet
            if number >= due:
                yield packet
                due, last = number + 1 + number // 2, None
    if last is not None:
        yield last


def _first_picture(path: Path, limits: Limits) -> tuple[int, int, tuple[str, ...]]:
    """Width and height of the upright first frame, and the notes on it.

    That there is one is proof that the video can be decoded.
    """
    from media.hdr import signal_of
    from media.upright import Upright, displayed_size, has_alpha

    with open_media(path) as container:
        stream = required_video_stream(container)
        displayed = displayed_size(stream)
        _check_size(*displayed, limits)
        for picture in decoded(stream, good_packets(container, stream)):
            height, width = Upright(stream)(picture).shape[:2]
            facts = {
                "reduced": working_size(*displayed) != displayed,
                "hdr": signal_of(picture) in ("pq", "hlg"),
                "interlaced": picture.interlaced_frame,
                "transparent": has_alpha(picture),
            }
            return width, height, tuple(note for note, holds in facts.items() if holds)
    raise unreadable("This video")


def _inspect_sound(path: Path, limits: Limits) -> MediaInfo:
    from media.sound import sound_duration

    duration = sound_duration(path)
    _check_length(duration, None, limits)
    return MediaInfo("audio", duration=duration, has_audio=True)


def _check_size(width: int, height: int, limits: Limits) -> None:
    if width < 1 or height < 1:
        raise unreadable()
    if width * height > limits.pixels or max(width, height) > limits.side:
        raise MediaError(
            "too-large",
            f"{width} x {height} pixels are more than can be worked on.",
            f"Make it smaller than {limits.pixels // 1_000_000} megapixels, "
            f"with no side longer than {limits.side} pixels.",
        )


def _check_length(duration: Fraction, rate: Fraction | None, limits: Limits) -> None:
    if duration > limits.duration or (rate and duration * rate > limits.frames):
        raise MediaError(
            "too-long",
            "This file is too long.",
            f"Cut it to at most {float(limits.duration):g} seconds"
            f" and {limits.frames} frames." if rate else
            f"Cut it to at most {float(limits.duration):g} seconds.",
        )  # fmt: skip
