"""The page and the command line give the same video for the same face, voice and options."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest
from click.testing import CliRunner

import cli
from jobs.choices import VoiceChoice
from media import provenance


@pytest.mark.slow
def test_a_job_and_the_command_make_the_same_video(
    start_stack: Callable[..., Any],
    two_faces_file: Path,
    short_voice: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stack = start_stack("redis", "light", "engine", "beat", SEGMENT_SECONDS="0.2")
    face = stack.jobs.create_upload("me", two_faces_file, "two.png")
    voice = stack.jobs.create_upload("me", short_voice, "voice.wav")
    spoken = [VoiceChoice(voice.id, 2), VoiceChoice(voice.id, 1, start=0.4, gain=-6)]
    job = stack.jobs.create_job("me", face.id, spoken, {"pads": [0, 5, 0, 0]})

    monkeypatch.setenv("SEGMENT_SECONDS", "0.2")
    made = tmp_path / "made.mp4"
    words = [two_faces_file, short_voice, "--person", 2, "--speaker", f"1={short_voice}@0.4-6dB"]
    words += ["--pads", 0, 5, 0, 0, "-o", made]
    answer = CliRunner().invoke(cli.main, ["animate", *map(str, words)])
    assert answer.exit_code == 0, answer.stderr

    stack.until_state(job.id, "done")
    with stack.jobs.storage.local(stack.jobs.job(job.id).result_key) as result:
        assert coded(result) == coded(made)
        mine, theirs = provenance.read(made), provenance.read(result)
    assert mine is not None
    assert theirs is not None
    assert mine.intact
    assert theirs.intact
    assert (mine.made_from, mine.rendering) == (theirs.made_from, theirs.rendering)


def coded(video: Path) -> list[tuple[int, int | None, bytes]]:
    """All packets, byte for byte: only the credentials differ, signed anew each time."""
    with av.open(str(video)) as container:
        return [(packet.stream.index, packet.pts, bytes(packet)) for packet in container.demux()]
