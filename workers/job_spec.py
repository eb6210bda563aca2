"""A job's rows in the words of a spec."""

from fractions import Fraction
from pathlib import Path

from jobs.records import Job
from media.probe import MediaInfo
from rendering.options import Options
from rendering.spec import Source


def source_of(job: Job, path: Path) -> Source:
    """The source of a job, whose bytes lie at `path`."""
    info = MediaInfo.from_dict(job.source.info)
    return Source(path, info, Options.from_dict(job.options))


def start_of(voice_start: float) -> Fraction:
    """Seconds from a row as an exact number, to the microsecond."""
    return Fraction(voice_start).limit_denominator(1_000_000)


def ends_of(job: Job) -> list[Fraction]:
    """When the voices of a job end in its result, in seconds."""
    return [start_of(voice.start) + Fraction(voice.duration) for voice in job.voices]
