"""My videos: what the card of a job says, and how jobs of the same files are told apart."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from app.api import representation
from app.jobs_access import jobs
from jobs import reproduce
from jobs.progress import result_seconds
from jobs.records import Job, Upload


def card(job: Job, take: int | None) -> dict[str, Any]:
    """A job as the API has it, and what its card says besides.

    `bytes` of the result, or of all files while there is none; `changed` are the options that are
    not as they are by themselves.
    """
    return representation.job(job) | {
        "take": take,
        "bytes": jobs().storage.size(job.result_key) if job.result_key else _given_bytes(job),
        "length": result_seconds(job) if job.state == "done" else None,
        "changed": [_words(*each) for each in reproduce.changed_options(job).items()],
    }


def takes(everything: Sequence[Job]) -> dict[str, int | None]:
    """For each job which one of those with the same name and voices it is: 1 for the oldest.

    None where there is no other.
    """
    alike = defaultdict(list)
    for job in sorted(everything, key=lambda job: job.created):
        alike[_name(job), *_voice_names(job)].append(job.id)
    return {
        id: number if len(ids) > 1 else None
        for ids in alike.values()
        for number, id in enumerate(ids, start=1)
    }


def is_named(job: Job, wanted: str) -> bool:
    """Whether what is looked for is in the name of a job, its source or a voice."""
    names = [_name(job), job.source.name, *_voice_names(job)]
    return any(wanted.casefold() in name.casefold() for name in names)


def _words(option: str, value: Any) -> str:
    name = option.replace("_", " ")
    if isinstance(value, bool):
        return name if value else f"no {name}"
    if isinstance(value, list):
        return " ".join([name, *(f"{each:g}" for each in value)])
    return f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"


def _name(job: Job) -> str:
    return job.name or job.source.name


def _voice_names(job: Job) -> list[str]:
    return [voice.upload.name for voice in job.voices]


def _given_bytes(job: Job) -> int:
    uploads: list[Upload] = [job.source, *(voice.upload for voice in job.voices)]
    return sum({each.sha256: each.bytes for each in uploads}.values())
