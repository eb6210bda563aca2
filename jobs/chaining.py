"""A job on another job's result: somebody else is to speak in a finished video."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from jobs.records import Upload, Voice
from media.probe import MediaInfo
from media.timeline import result_frames


def default_options(
    source: Upload, voices: Sequence[Voice], options: Mapping[str, Any]
) -> dict[str, Any]:
    """What is taken for granted with such a source, where `options` do not say otherwise.

    The voices that are in it already keep their level, and when they stay to be heard, none of
    them is cut: the result then lasts as long as the longer of the two, the video or the voices,
    and who has said everything holds still, instead of moving the lips backwards without a sound.
    """
    if not source.result_of:
        return {}
    usual: dict[str, Any] = {"soundtrack_gain": 0.0}
    info = MediaInfo.from_dict(source.info)
    if options.get("overlay") is True and info.fps and info.frames:
        ends = max(Fraction(voice.start) + Fraction(voice.duration) for voice in voices)
        longer = result_frames(ends, info.fps) > info.frames
        usual["sync_mode"] = "freeze" if longer else "silence"
    return usual
