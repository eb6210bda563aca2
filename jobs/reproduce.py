"""The request to the API, and the command line, that make the video of a job again."""

import shlex
from collections.abc import Sequence
from typing import Any

from jobs.records import Job, Voice
from rendering.options import Options

_ONLY_IN_JOBS = ("checkpoint",)
# Words of the command line for what is said when it is *not* so.
_NEGATED = {
    "smooth": "--no-smooth",
    "blend": "--no-blend",
    "level_voices": "--no-level-voices",
}


def as_request(job: Job) -> dict[str, Any]:
    """The body of POST /api/v1/jobs that asks for the same again, while the uploads are there."""
    return {
        "source": job.source_id,
        "voices": [
            {
                "audio": voice.upload_id,
                "start": voice.start,
                "gain": voice.gain,
                **({} if voice.person is None else {"person": voice.person}),
            }
            for voice in job.voices
        ],
        "options": _non_default_options(job),
        "consent": True,
    }


def as_command(job: Job) -> str | None:
    """`mouth animate` with the same options; None while some of several voices have no speaker."""
    words = ["mouth", "animate", _file(job.source.name)]
    if len(job.voices) == 1 and not job.voices[0].start and not job.voices[0].gain:
        (voice,) = job.voices
        words.append(_file(voice.upload.name))
        if voice.person is not None and len(job.persons) > 1:
            words += ["--person", str(voice.person)]
    elif all(voice.person is not None for voice in job.voices):
        for voice in job.voices:
            words += ["--speaker", _speaker_value(voice)]
    else:
        return None
    for name, value in _non_default_options(job).items():
        words += _arguments(name, value)
    return shlex.join(words)


def changed_options(job: Job) -> dict[str, Any]:
    """The options that are not as they are by themselves."""
    usual = Options().to_dict()
    return {name: value for name, value in job.options.items() if value != usual.get(name, value)}


def _file(name: str) -> str:
    """A name that no command takes for an option."""
    return f"./{name}" if name.startswith("-") else name


def _speaker_value(voice: Voice) -> str:
    start = f"@{voice.start:.10g}" if voice.start else ""
    gain = f"{voice.gain:+g}dB" if voice.gain else ""
    return f"{voice.person}={voice.upload.name}{start}{gain}"


def _non_default_options(job: Job) -> dict[str, Any]:
    """Those, and what a job always says, in the order in which they are listed."""
    changed = changed_options(job)
    return {
        name: value
        for name, value in job.options.items()
        if name in changed or name in _ONLY_IN_JOBS
    }


def _arguments(name: str, value: Any) -> list[str]:
    option = "--" + name.replace("_", "-")
    if name in _NEGATED:
        return [_NEGATED[name]]
    if isinstance(value, bool):
        return [option] if value else []
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [option, *(f"{each:g}" for each in value)]
    return [option, str(value)]
