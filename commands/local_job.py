"""A spec carried out right here, without queue or database: the command line's way."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from face_detection.cache import DetectionCache
from face_detection.detection import Box
from face_detection.errors import FaceError
from face_detection.persons import Person
from jobs.errors import no_such_person, result_too_long, with_box
from jobs.settings import Settings
from media.errors import NamedError, no_audio_track, not_a_face_file, not_a_voice
from media.probe import Limits, probe
from media.sound import check_voice
from rendering.detect import SegmentDetections, detect_frames
from rendering.link import link_persons
from rendering.models import detector_for
from rendering.options import Options
from rendering.progress import Progress
from rendering.spec import Source
from rendering.thumbnails import box_in, picture_frame, shown_in
from rendering.visibility import presence


def open_source(path: Path, options: Mapping[str, Any], settings: Settings) -> Source:
    """The picture or video at `path`; an option that is None is one not given.

    Unlike a visitor of the page, who sits here may name any file of weights as checkpoint.

    Raises NamedError: bad-option, not-a-face-file, and as `media.probe.probe`.
    """
    named = {name: value for name, value in options.items() if value is not None}
    checkpoint = named.pop("checkpoint", None) or settings.checkpoint
    checked = replace(Options.from_dict(named), checkpoint=checkpoint)
    info = probe(path, _limits(settings))
    if info.kind == "audio":
        raise not_a_face_file()
    return Source(path, info, checked)


def voice_duration(path: Path, settings: Settings, start: Fraction = Fraction(0)) -> Fraction:
    """Seconds of a voice that can drive a mouth, and is to begin at `start` seconds.

    Raises NamedError: not-a-voice, no-audio-track, voice-silent, voice-too-short, too-long, and as
    `media.probe.probe`.
    """
    info = probe(path, _limits(settings))
    if info.kind == "image":
        raise not_a_voice()
    if not info.has_audio:
        raise no_audio_track()
    duration = check_voice(path)
    if start + duration > settings.max_seconds:
        raise result_too_long(settings.max_seconds)
    return duration


def find_persons(
    source: Source, frames: int, settings: Settings, progress: Progress
) -> list[Person]:
    """Everybody in the first `frames` frames; what was found is kept in VAR_DIR for next time.

    Raises NamedError: no-face-found, face-too-small, bad-option.
    """
    cache = DetectionCache(str(settings.var_dir / "detections"))
    found = SegmentDetections.joined([])
    if frames:
        detector = detector_for(source, settings.detector)
        seconds = settings.segment_seconds
        found = detect_frames(source, frames, detector, cache, seconds, progress)
    try:
        return link_persons(source, found, cache=cache)
    except FaceError as error:
        raise with_box(error, "Or say where it is: --box X1 Y1 X2 Y2.") from error


def choose_speaker(persons: Sequence[Person], number: int | None) -> int:
    """Who speaks: the one asked for, or the only one there is.

    Raises NamedError: several-faces, no-such-person.
    """
    known = [person.id for person in persons]
    if number is None and len(known) == 1:
        return known[0]
    if number is None:
        picture = picture_frame(persons)
        places = "\n".join(
            f"  person {person.id}: box {_rounded(box_in(person, frame))} in frame {frame}"
            for person in persons
            for frame in [shown_in(person, picture)]
        )
        raise NamedError(
            "several-faces",
            f"There are {len(known)} people to choose from:\n{places}",
            "Say who speaks with --person N; `mouth faces` lists them too.",
        )
    if number not in known:
        raise no_such_person(number, known)
    return number


def describe(source: Source, persons: Sequence[Person], frames: int) -> list[dict[str, Any]]:
    """Each person as plain values: id, box and the frame in which it is there, score.

    And when they are in sight, of the `frames` that were looked at: first and last time in
    seconds, share, intervals.
    """
    picture = picture_frame(persons)
    rows = []
    for person in persons:
        frame = shown_in(person, picture)
        box = _rounded(box_in(person, frame))
        known = presence(source, person, frames)
        rows.append(
            {
                "id": person.id,
                "box": box,
                "frame": frame,
                "score": round(person.score, 3),
                "first": known.intervals[0][0],
                "last": known.intervals[-1][1],
                "share": round(known.share, 3),
                "intervals": known.intervals,
            }
        )
    return rows


def _rounded(box: Box) -> list[float]:
    return [round(side, 1) for side in box]


def _limits(settings: Settings) -> Limits:
    return Limits(bytes=settings.max_upload_bytes, duration=Fraction(settings.max_seconds))
