"""Opening a file with FFmpeg's libraries: one demuxer, one protocol, no surprises."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast, overload

from media.errors import not_a_face_file, size_changes, unreadable
from media.signature import read_signature

if TYPE_CHECKING:
    from av import AudioFrame, AudioStream, Packet, VideoCodecContext, VideoFrame, VideoStream
    from av.container import InputContainer

_DECODER_THREADS = 2
_LARGEST_CODED = 100_000_000  # pixels of a frame as it is coded, margins included
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
_STANDARD_RATES = tuple(
    Fraction(*rate)
    for rate in (
        (24000, 1001),
        (24, 1),
        (25, 1),
        (30000, 1001),
        (30, 1),
        (50, 1),
        (60000, 1001),
        (60, 1),
    )
)
_SAME_RATE = Fraction(1, 2500)
_SIMILAR_RATE = Fraction(1, 50)
_FALLBACK_RATE = Fraction(30)


class ByteRange(NamedTuple):
    """The bytes start..stop of a file."""

    start: int
    stop: int


@contextmanager
def open_media(path: str | Path, part: ByteRange | None = None) -> Iterator[InputContainer]:
    """Open a file, or a part of it, for demuxing.

    The demuxer is the one that the first bytes of the file call for, so neither a name nor the
    content can lead to a playlist, and `file` and a part of one are the only protocols.
    Raises MediaError: unreadable-media, also for errors of libav while it is open, and as
    `read_signature` does.
    """
    import av

    path = Path(path)
    signature = read_signature(path)
    address, protocols = f"file:{path.absolute()}", "file"
    if part is not None:
        address = f"subfile,,start,{part.start},end,{part.stop},,:{address}"
        protocols = "file,subfile"
    try:
        with av.open(
            address,
            format=signature.format.lower(),
            options={
                "protocol_whitelist": protocols,
                "format_whitelist": _demuxers(signature.format),
            },
            metadata_errors="replace",
        ) as container:
            yield container
    except (av.FFmpegError, OSError) as error:
        raise unreadable() from error


def video_stream(container: InputContainer) -> VideoStream | None:
    """The first video stream, None without one; the cover art of a song does not count."""
    from av.stream import Disposition

    art = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
    for stream in container.streams.video:
        if not stream.disposition & art and stream.codec_context is not None:
            # The pixels that were checked are those of the first picture; later ones may differ.
            stream.codec_context.options = {"max_pixels": str(_LARGEST_CODED)}
            stream.thread_type = "AUTO"
            stream.thread_count = _DECODER_THREADS
            return stream
    return None


def required_video_stream(container: InputContainer) -> VideoStream:
    """As `video_stream`; raises MediaError not-a-face-file where there is none."""
    stream = video_stream(container)
    if stream is None:
        raise not_a_face_file()
    return stream


def audio_stream(container: InputContainer) -> AudioStream | None:
    """The audio stream that players choose: the first one marked as default, else the first.

    None without one; streams that cannot be decoded do not count.
    """
    from av.stream import Disposition

    tracks = [stream for stream in container.streams.audio if stream.codec_context is not None]
    defaults = (track for track in tracks if track.disposition & Disposition.default)
    return next(chain(defaults, tracks), None)


def stream_rate(stream: VideoStream) -> Fraction:
    """The constant rate of a stream, in frames per second, 1..120.

    Containers that count in milliseconds store 30000/1001 only roughly: a rate very close to a
    standard one is taken for that. Cameras in the dark and screen recorders drop pictures; what
    lies on the grid of a standard rate is read at that rate, so that no picture is lost. Other
    rates (broken headers, slow motion) are clipped.
    """
    rate = stream.average_rate or stream.guessed_rate
    if not rate or rate > 1000:
        return _FALLBACK_RATE
    if standard := _standard_rate(rate, _SAME_RATE):
        return standard
    grid = stream.base_rate and _standard_rate(stream.base_rate, _SAME_RATE)
    if grid and grid > rate and not _standard_rate(rate, _SIMILAR_RATE):
        return grid
    return min(max(rate.limit_denominator(1001), Fraction(1)), Fraction(120))


def _standard_rate(rate: Fraction, tolerance: Fraction) -> Fraction | None:
    """The standard rate within a relative `tolerance` of `rate`, None if there is none."""
    near = (each for each in _STANDARD_RATES if abs(rate / each - 1) < tolerance)
    return next(near, None)


def good_packets(
    container: InputContainer, stream: VideoStream | AudioStream, cut_short: bool = False
) -> Iterator[Packet]:
    """The packets of a stream that can be decoded, up to where the file is damaged for the demuxer.

    Packets that the end of a file cuts short are left out, so that counting packets and decoding
    them give the same number, unless `cut_short` packets are wanted as well.
    """
    import av

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.FFmpegError):
            return
        if packet.size and (cut_short or not packet.is_corrupt):
            yield packet


@overload
def decoded(stream: VideoStream, packets: Iterator[Packet]) -> Iterator[VideoFrame]: ...
@overload
def decoded(stream: AudioStream, packets: Iterator[Packet]) -> Iterator[AudioFrame]: ...
def decoded(
    stream: VideoStream | AudioStream, packets: Iterator[Packet]
) -> Iterator[VideoFrame] | Iterator[AudioFrame]:
    """The decoded frames of `packets`, those left in the decoder included; damage is skipped.

    Raises MediaError size-changes where a picture has another size than the first one.
    """
    import av

    decoder = _alpha_decoder(stream) or stream
    size = None
    for packet in chain(packets, [None]):
        try:
            frames = decoder.decode(packet)
        except av.FFmpegError:
            continue
        for frame in frames:
            if isinstance(frame, av.VideoFrame):
                size = size or (frame.width, frame.height)
                if (frame.width, frame.height) != size:
                    raise size_changes(size, (frame.width, frame.height))
            yield frame


def _alpha_decoder(stream: VideoStream | AudioStream) -> VideoCodecContext | None:
    """FFmpeg's own VP8 and VP9 decoders leave the alpha channel out; libvpx's read it."""
    from av import CodecContext

    name = _ALPHA_DECODERS.get(stream.codec_context.name)
    if name is None or stream.metadata.get("alpha_mode") != "1":
        return None
    decoder = cast("VideoCodecContext", CodecContext.create(name, "r"))
    decoder.thread_count = _DECODER_THREADS
    return decoder


def packet_end(packet: Packet, rate: Fraction) -> Fraction | None:
    """When a video packet's picture ends, in seconds of the stream's clock.

    None for packets that an edit list hides, and for those without a time.
    """
    start = packet.dts if packet.pts is None or has_order_only(packet.stream) else packet.pts
    if start is None or packet.is_discard:
        return None
    length = packet.duration * packet.time_base if packet.duration else 1 / rate
    return start * packet.time_base + length


def has_order_only(stream: VideoStream | AudioStream) -> bool:
    """AVI stores when to decode, not when to show; what libav guesses from it is wrong."""
    return stream.container.format.name == "avi"


def can_seek(stream: VideoStream) -> bool:
    """Whether pictures have their right times after a leap into the middle of a file.

    Where only their order is known, and they are shown in another, places can only be counted from
    the first picture on. A program stream times a few pictures and libav counts on from these: the
    ones before the first of them after a leap get wrong times.
    """
    if stream.container.format.name == "mpeg":
        return False
    return not (has_order_only(stream) and stream.codec_context.has_b_frames)


def stream_start(stream: VideoStream | AudioStream) -> Fraction:
    """When a stream begins, in seconds of the container's clock."""
    return (stream.start_time or 0) * time_base(stream)


def time_base(stream: VideoStream | AudioStream) -> Fraction:
    """The length of a tick of the stream's clock, in seconds (never unset once opened)."""
    return stream.time_base or Fraction(1, 1_000_000)


def _demuxers(format: str) -> str:
    import av

    return av.ContainerFormat(format, "r").name
