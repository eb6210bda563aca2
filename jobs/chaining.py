"""A job on another job's result: somebody else is to speak in a finished video."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from jobs.records import Job, Upload, Voice
from media.probe import MediaInfo
from media.timeline import result_frames

LEAST_OVERLAP = 0.3  # of two boxes (intersection over union) that are taken for one person's
NEAR_SECONDS = 0.5  # between two moments in which a face is about where it was


def result_stem(stem: str) -> str:
    """What a result is named after a source: "face" gives "face-talking", that "face-talking-2"."""
    if again := re.fullmatch(r"(.+-talking)(?:-(\d{1,6}))?", stem):
        return f"{again[1]}-{int(again[2] or 1) + 1}"
    return f"{stem}-talking"


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


def speakers_in_result(job: Job) -> list[dict[str, Any]]:
    """Who speaks in the result of a job, as `Upload.speakers` has it for those who go on with it.

    Also those of earlier jobs, where their voices are still to be heard.
    """
    names = defaultdict(list, earlier_speakers(job))
    for voice in job.voices:
        if voice.person is not None:
            names[voice.person].append(voice.upload.name)
    whole = {each.number: each.box for each in job.persons}
    return [
        {
            "voices": names[number],
            "boxes": list(_boxes(job, number)) or [{"time": None, "box": whole[number]}],
        }
        for number in names
        if number in whole
    ]


def earlier_speakers(job: Job) -> dict[int, list[str]]:
    """The persons of a job who speak already in its source, with the names of their voices.

    Persons are numbered anew in each job; a face that is in the same place is the same person's.
    Empty where the sound of the source is not kept.
    """
    found: dict[int, list[str]] = defaultdict(list)
    if job.options.get("overlay"):
        for speaker in job.source.speakers or []:
            fits = {each.number: _fit(job, each.number, speaker["boxes"]) for each in job.persons}
            best = max(fits, key=lambda number: fits[number], default=None)
            if best is not None and fits[best] >= LEAST_OVERLAP:
                found[best] += speaker["voices"]
    return dict(found)


def _boxes(job: Job, person: int) -> Iterator[dict[str, Any]]:
    """The boxes of a person in the previews of a video, with their times."""
    for preview in job.previews or []:
        for each in preview["boxes"]:
            if each["person"] == person:
                yield {"time": preview["time"], "box": each["box"]}


def _fit(job: Job, person: int, boxes: Sequence[Mapping[str, Any]]) -> float:
    """How well a person of a job fits to a speaker's `boxes`: the mean of their overlaps."""
    here = list(_boxes(job, person))
    (own,) = (each.box for each in job.persons if each.number == person)
    overlaps = []
    for each in boxes:
        if each["time"] is None or not here:
            overlaps.append(_overlap(own, each["box"]))
            continue
        nearest = min(here, key=lambda other: abs(other["time"] - each["time"]))
        near = abs(nearest["time"] - each["time"]) <= NEAR_SECONDS
        overlaps.append(_overlap(nearest["box"], each["box"]) if near else 0.0)
    return sum(overlaps) / len(overlaps)


def _overlap(one: Sequence[float], other: Sequence[float]) -> float:
    """The intersection of two boxes over their union (IoU)."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0.0, width) * max(0.0, height)
    areas = ((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return shared / (sum(areas) - shared)
