"""What README and docs promise is tried: tested blocks run as they stand, all names are real."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

import cli

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
DOCS = {path: path.read_text() for path in [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]}
BLOCKS = [
    block
    for text in DOCS.values()
    for block in re.findall(r"<!-- tested -->\n```(\w+)\n(.*?)```", text, re.DOTALL)
]
# Lines of consoles that call this program; a backslash at the end goes on in the next line.
LINES = [
    line.replace("\\\n", " ")
    for text in DOCS.values()
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    for line in re.findall(r"^(?:\w+=\S+ )*(mouth (?:[^\n]*\\\n)*[^\n]*)", block, re.MULTILINE)
]
SHELL = {"console": ["bash", "-euc"], "python": [sys.executable, "-c"]}


@pytest.fixture
def folder(tmp_path: Path, astronaut_file: Path, short_voice: Path) -> Path:
    """What the README's reader has at hand: a face and a voice."""
    shutil.copy(astronaut_file, tmp_path / "face.jpg")
    shutil.copy(short_voice, tmp_path / "voice.mp3")
    return tmp_path


@pytest.mark.parametrize(("language", "block"), BLOCKS, ids=lambda text: text.split("\n")[0][:40])
def test_block(language: str, block: str, folder: Path) -> None:
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "VAR_DIR": str(folder / "var"),
    }
    answer = subprocess.run(
        [*SHELL[language], block], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr
    for made in re.findall(r"-o (\S+)", block):
        assert (folder / made).stat().st_size > 0


def test_there_are_blocks_to_test() -> None:
    assert len(BLOCKS) >= 4
    assert len(LINES) > 10


@pytest.mark.parametrize("line", LINES)
def test_every_command_is_one_and_has_these_options(line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    command: click.Command | None = cli.main
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        command = command.get_command(click.Context(command), words.pop(0))
    assert command is not None, line
    known = {name for parameter in command.params for name in parameter.opts} | {"--help", "-h"}
    given = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    assert given <= known, given - known


def test_every_option_it_names_is_one() -> None:
    help_text = subprocess.run(
        [sys.executable, "-m", "cli", "animate", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    table = README.split("| option of `mouth animate`")[1].split("\n\n")[0]
    for option in re.findall(r"--[a-z][a-z0-9-]+", table):
        assert option in help_text


def test_every_file_they_name_is_there() -> None:
    for path, text in DOCS.items():
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_every_error_it_names_is_raised_somewhere() -> None:
    source = "".join(
        path.read_text()
        for package in (
            "media",
            "checkpoints",
            "face_detection",
            "wav2lip",
            "jobs",
            "workers",
            "app",
        )
        for path in (ROOT / package).rglob("*.py")
    )
    table = README.split("| code | when |")[1].split("\n\n")[0]
    for code in re.findall(r"`([a-z]+(?:-[a-z]+)+)`", table):
        assert f'"{code}"' in source, code
