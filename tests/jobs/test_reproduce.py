"""A job said again gives the job again."""

import shlex
from pathlib import Path
from typing import Any

import pytest

import cli
from jobs import reproduce
from jobs.records import Job, Person, Upload, Voice
from rendering.options import Options


def job_with(*voices: Voice, **options: Any) -> Job:
    for number, voice in enumerate(voices):
        voice.upload = Upload(id=f"v{number}", name=f"My voice {number}.wav")
        voice.upload_id = voice.upload.id
    return Job(
        source_id="s",
        source=Upload(id="s", name="Me & you.mp4"),
        voices=list(voices),
        persons=[Person(number=1), Person(number=2)],
        options=Options.from_dict(options).to_dict(),
    )


CHANGES: list[dict[str, Any]] = [
    {},
    {"overlay": True, "soundtrack_gain": -12.5, "sync_mode": "loop"},
    {"pads": [0, 20, 0, 0], "crop": [10, -1, 0, 300], "resize_factor": 2, "rotate": True},
    {"box": [10.5, 20.0, 100.0, 120.25], "static": True, "smooth": False, "blend": False},
    {"level_voices": False},
    {"fps": "30000/1001", "still": True, "badge": "none", "checkpoint": "wav2lip"},
    {"face_det_batch_size": 4, "wav2lip_batch_size": 32},
]


@pytest.mark.parametrize("options", CHANGES, ids=lambda options: " ".join(options) or "none")
def test_the_command_line_has_the_options_of_the_job(
    options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    job = job_with(Voice(person=2, start=0.0, gain=0.0), **options)
    for name in ("Me & you.mp4", "My voice 0.wav"):
        Path(name).touch()
    line = reproduce.as_command(job)
    assert line is not None
    program, command, *words = shlex.split(line)
    assert (program, command) == ("mouth", "animate")
    known = cli.main.get_command(None, "animate")  # type: ignore[arg-type]
    assert known is not None
    with cli.main.make_context("mouth", ["animate"], resilient_parsing=True) as parent:
        given = known.make_context("animate", list(words), parent=parent).params
    assert (given["face"].name, given["voice"].name) == ("Me & you.mp4", "My voice 0.wav")
    assert given["person"] == 2
    asked = {
        "smooth": not given["no_smooth"],
        "blend": not given["no_blend"],
        "level_voices": not given["no_level_voices"],
        **{
            name: value
            for name, value in given.items()
            if value is not None and name in Options.__dataclass_fields__
        },
    }
    assert Options.from_dict(asked) == Options.from_dict(options)


def test_a_dialogue_is_said_speaker_by_speaker() -> None:
    job = job_with(Voice(person=1, start=0.0, gain=0.0), Voice(person=2, start=1.5, gain=-3.0))
    line = reproduce.as_command(job)
    assert line is not None
    assert shlex.split(line)[2:] == [
        "Me & you.mp4",
        *("--speaker", "1=My voice 0.wav", "--speaker", "2=My voice 1.wav@1.5-3dB"),
        *("--checkpoint", "compact"),
    ]


def test_a_name_like_an_option_stays_a_name() -> None:
    job = job_with(Voice(person=1, start=0.0, gain=0.0))
    job.source.name = job.voices[0].upload.name = "-still.wav"
    line = reproduce.as_command(job)
    assert line is not None
    assert shlex.split(line)[2:4] == ["./-still.wav", "./-still.wav"]


def test_there_is_no_command_line_before_all_speakers_are_known() -> None:
    job = job_with(Voice(person=1, start=0.0, gain=0.0), Voice(person=None, start=1.5, gain=0.0))
    assert reproduce.as_command(job) is None


def test_the_request_names_the_same_files_persons_and_changes() -> None:
    job = job_with(
        Voice(person=1, start=0.0, gain=0.0), Voice(person=2, start=1.5, gain=-3.0), overlay=True
    )
    assert reproduce.as_request(job) == {
        "source": "s",
        "voices": [
            {"audio": "v0", "person": 1, "start": 0.0, "gain": 0.0},
            {"audio": "v1", "person": 2, "start": 1.5, "gain": -3.0},
        ],
        "options": {"checkpoint": "compact", "overlay": True},
        "consent": True,
    }
