"""Synthetic speech with known phone times, by flite (Black and Lenzo, 2001), a program of its own.

    python -m wav2lip.training.synthetic.speech SENTENCES OUT

SENTENCES is a text with a sentence a line. OUT has a folder for each voice, and beside each sound
its `phone_times`.
"""

import re
import shutil
import subprocess
from pathlib import Path

import click
import numpy as np

from media.errors import NamedError
from media.sound import read_sound
from wav2lip.audio import SAMPLE_RATE
from wav2lip.training import phone_times
from wav2lip.training.command_line import FILE, NEW_FOLDER, Command
from wav2lip.training.phone_times import Phone

VOICES = ("slt", "rms", "awb", "kal16", "kal")
PACE = 0.8, 1.3  # of the durations of the voice
SILENCE = "pau"


def synthesize(text: str, voice: str, pace: float, path: Path) -> list[Phone]:
    """Write `text` as speech to `path`, a .wav; returns its phones.

    Durations are multiplied by `pace`. Raises NamedError `program-missing` without flite.
    """
    program = shutil.which("flite")
    if program is None:
        raise NamedError(
            "program-missing",
            "The program flite is not installed.",
            "Install it; the package of Debian, Ubuntu and Fedora is called flite.",
        )
    options = ["-voice", voice, "--setf", f"duration_stretch={pace}", "-psdur"]
    told = subprocess.run(  # noqa: S603 - no shell, and the text is one argument
        [program, *options, "-t", text, "-o", str(path)], capture_output=True, text=True, check=True
    )
    return phones(told.stdout)


def phones(segments: str) -> list[Phone]:
    """The phones in what `flite -psdur` prints: `NAME:END` each; silences are left out."""
    found, begin = [], 0.0
    for name, end in re.findall(r"(\S+):(\d+\.\d+)", segments):
        if name != SILENCE:
            found.append(Phone(name, begin, float(end)))
        begin = float(end)
    return found


def speech(text: str, voice: str, pace: float, folder: Path) -> tuple[np.ndarray, list[Phone]]:
    """The samples (n,) float32 at 16 kHz of `text` as speech, and its phones; see `synthesize`."""
    path = folder / "speech.wav"
    said = synthesize(text, voice, pace, path)
    return read_sound(path, SAMPLE_RATE), said


def main(sentences: Path, out: Path, seed: int = 0) -> int:
    """Every sentence in one of the VOICES, at a random pace; returns how many there are."""
    rng = np.random.default_rng(seed)
    lines = [line.strip() for line in sentences.read_text().splitlines() if line.strip()]
    for number, line in enumerate(lines):
        folder = out / VOICES[number % len(VOICES)]
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{number:05}.wav"
        said = synthesize(line, folder.name, rng.uniform(*PACE), path)
        phone_times.write(phone_times.path_of(path), said)
    return len(lines)


@click.command(cls=Command)
@click.argument("sentences", type=FILE)
@click.argument("out", type=NEW_FOLDER)
def command(sentences: Path, out: Path) -> None:
    """Say each line of SENTENCES, and write sounds and phone times to OUT."""
    click.echo(f"{main(sentences, out)} sentences")


if __name__ == "__main__":
    command()
