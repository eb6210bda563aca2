"""A job's rows as a spec for rendering."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path

from face_detection.persons import from_csv
from jobs.records import Job, Voice
from jobs.service import Jobs
from media.probe import MediaInfo
from rendering.options import Options
from rendering.spec import RenderSpec, Source, VoiceTrack, frames_of_result, frames_to_detect


@dataclass(frozen=True)
class JobOutline:
    """What a job's rows say of its frames, before the persons are known and without its files.

    `ends` are the seconds at which its voices end in the result.
    """

    source: Source
    ends: tuple[Fraction, ...]

    @cached_property
    def frames_to_detect(self) -> int:
        """How many frames of the source, from the first, are searched for faces."""
        return frames_to_detect(self.source, self.ends)

    @cached_property
    def result_frames(self) -> int:
        """How many frames the result has."""
        return frames_of_result(self.source, self.ends)


def outline_of(job: Job) -> JobOutline:
    """The outline of a job. Raises NamedError bad-option."""
    source = source_at(Path(job.source.key), job)
    ends = (_seconds(voice.start) + Fraction(voice.duration) for voice in job.voices)
    return JobOutline(source, tuple(ends))


def source_at(path: Path, job: Job) -> Source:
    """The source of a job, whose bytes are at `path`. Raises NamedError bad-option."""
    info, options = MediaInfo.from_dict(job.source.info), Options.from_dict(job.options)
    return Source(path, info, options, job.source.sha256)


@contextmanager
def local_source(jobs: Jobs, job: Job) -> Iterator[Source]:
    """The source of a job, its file on this machine."""
    with jobs.storage.local(job.source.key) as path:
        yield source_at(path, job)


@contextmanager
def local_spec(jobs: Jobs, job: Job) -> Iterator[RenderSpec]:
    """The spec of a job whose persons are chosen, its files on this machine."""
    with ExitStack() as stack:
        source = stack.enter_context(local_source(jobs, job))
        voices = tuple(
            _track(stack.enter_context(jobs.storage.local(voice.upload.key)), voice)
            for voice in job.voices
        )
        persons = stack.enter_context(jobs.storage.local(persons_key(job.id)))
        yield RenderSpec(source, voices, tuple(from_csv(persons.read_text())))


def persons_key(job_id: str) -> str:
    """The key in the storage of the persons that were linked."""
    return f"jobs/{job_id}/persons.csv"


def _track(path: Path, voice: Voice) -> VoiceTrack:
    return VoiceTrack(
        path=path,
        person=voice.person or 1,
        duration=Fraction(voice.duration),
        start=_seconds(voice.start),
        gain=voice.gain,
        known_sha256=voice.upload.sha256,
    )


def _seconds(start: float) -> Fraction:
    """The start of a voice's row as an exact number, to the microsecond."""
    return Fraction(start).limit_denominator(1_000_000)
