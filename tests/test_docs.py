"""What README and docs promise is tried: tested blocks run as they stand, all names are real."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from fractions import Fraction
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import click
import numpy as np
import pytest

import cli
from app.filters import SYNC_MODES
from media.assemble import concatenate
from media.pictures import read_picture, write_picture
from media.video_writer import VideoWriter

ROOT = Path(__file__).resolve().parent.parent
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
def folder(tmp_path: Path, astronaut_file: Path, two_faces: Path, short_voice: Path) -> Path:
    """What the reader has at hand: a face, two of them, a video that sounds, and voices."""
    shutil.copy(astronaut_file, tmp_path / "face.jpg")
    shutil.copy(two_faces, tmp_path / "pair.jpg")
    for name in ("voice", "hers", "his"):
        shutil.copy(short_voice, tmp_path / f"{name}.mp3")
    picture = read_picture(astronaut_file)[0:300, 64:384]
    with VideoWriter(tmp_path / "silent.mp4", 320, 300, Fraction(25)) as writer:
        for _ in range(10):
            writer.write(picture)
    clip = tmp_path / "clip.mp4"
    concatenate([tmp_path / "silent.mp4"], short_voice, clip, Fraction(25), 10)
    return tmp_path


@pytest.fixture(scope="session")
def two_faces(tmp_path_factory: pytest.TempPathFactory, astronaut_file: Path) -> Path:
    """The astronaut and her mirror image, 640x300."""
    path = tmp_path_factory.mktemp("faces") / "two.png"
    face = read_picture(astronaut_file)[0:300, 64:384]
    write_picture(path, np.concatenate([face, face[:, ::-1]], axis=1))
    return path


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


def test_every_option_of_animate_is_listed_and_no_other() -> None:
    table = DOCS[ROOT / "docs" / "use.md"].split("| option of `mouth animate`")[1].split("\n\n")[0]
    listed = set(re.findall(r"`(--?[a-z][a-z0-9-]*)", table))
    command = cli.main.get_command(click.Context(cli.main), "animate")
    assert command is not None
    options = [each for each in command.params if isinstance(each, click.Option)]
    assert listed <= {name for option in options for name in option.opts}
    missing = [option.name for option in options if not listed & set(option.opts)]
    assert missing == []


def test_every_sync_mode_is_told_in_the_words_of_the_page() -> None:
    rows = re.findall(r"\| ([A-Z][^|]+) \| `(\w+)`", DOCS[ROOT / "docs" / "use.md"])
    assert {mode: words for words, mode in rows} == SYNC_MODES


def test_every_file_they_name_is_there() -> None:
    for path, text in DOCS.items():
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_every_path_they_name_is_there() -> None:
    """Files and folders of the project in the text, as `media/sound.py` or `wav2lip/training`."""
    tops = "|".join(path.name for path in ROOT.iterdir() if path.is_dir() and path.name[0] != ".")
    named = rf"(?<![\w/.:~-])(?:{tops})/[\w/.-]*\.(?:py|js|json|md|css|html|pt|yml|mako|webp|mp3)\b"
    found = {name: set(re.findall(named, text)) for name, text in DOCS.items()}
    assert len(found[ROOT / "docs" / "architecture.md"]) > 80
    made = {"var", "build"}  # by the program, wherever it runs
    missing = {
        f"{document.name}: {path}"
        for document, paths in found.items()
        for path in paths
        if path.split("/")[0] not in made and not (ROOT / path).exists()
    }
    assert missing == set()


def test_the_glossary_has_the_terms_of_the_field() -> None:
    """What somebody new would search for leads to a file."""
    text = DOCS[ROOT / "docs" / "architecture.md"]
    rows = dict(re.findall(r"^\| ([^|]+) \| [^|]+ \| (`[^|]+`) \|$", text, re.MULTILINE))
    assert len(rows) > 40
    for term, file in {
        "voice activity detection": "wav2lip/compact/voice_activity.py",
        "learning rate": "wav2lip/training/config.py",
        "retry of a segment": "workers/lease.py",
        "mask": "wav2lip/compact/renderer.py",
        "settings": "jobs/settings.py",
        "int8 calibration": "wav2lip/quantization.py",
    }.items():
        assert any(term in name and file in files for name, files in rows.items()), term


def test_the_house_is_as_it_is_described() -> None:
    text = DOCS[ROOT / "docs" / "architecture.md"]
    paths = re.findall(r"(?<![\w/])(?:[a-z_]+/)+(?:[a-z_]+\.\w+)?", text.replace("../", ""))
    assert len(paths) > 20
    assert [path for path in paths if not (ROOT / path).exists()] == []
    packages = "|".join(path.parent.name for path in ROOT.glob("*/__init__.py"))
    names = re.findall(rf"`((?:{packages})(?:\.\w+)+)`", text)
    assert len(names) > 5
    assert [name for name in names if not _is_there(name)] == []


def _is_there(name: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    module, _, inside = name.rpartition(".")
    if find_spec(module) is None:
        return False
    return hasattr(import_module(module), inside) or find_spec(name) is not None


def test_the_pictures_are_no_burden() -> None:
    pictures = [path for path in ROOT.glob("docs/**/*") if path.suffix in (".png", ".webp")]
    assert len(pictures) > 5
    assert sum(path.stat().st_size for path in pictures) < 600_000
