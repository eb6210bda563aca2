"""Tunes made up by chance: compositions to be played, without a voice in them.

    python -m wav2lip.training.synthetic.midi FOLDER --count 400

writes MIDI files for a synthesizer with recorded instruments; `music` plays tunes without one.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 4, 7, 9), (0, 3, 5, 6, 7, 10))
TEMPI = (60, 180)  # beats a minute
PARTS = ("chords", "bass", "lead", "arpeggio", "drums")
# The lengths of a step, in beats, that a part may go at.
STEPS = {
    "chords": (1.0, 2.0, 4.0),
    "bass": (0.5, 1.0, 2.0),
    "lead": (0.25, 0.5, 1.0),
    "arpeggio": (0.25, 0.5),
    "drums": (0.25, 0.5),
}
# Keys of General MIDI: bass drum, snare, clap, closed hat, tom, crash, maracas.
DRUMS = (36, 38, 39, 42, 45, 49, 70)
BEAT = (36, 42, 38, 42)
# Programs of General MIDI that are voices, or noises that may hold them.
VOICES = (52, 53, 54, 85, 91, *range(120, 128))
_TICKS = 480  # of half a second: a file that names no tempo goes at 120 beats a minute


@dataclass(frozen=True)
class Note:
    """One note: times in seconds; `pitch` a MIDI key (69 is 440 Hz), or one of DRUMS; loud 0..1."""

    part: str
    start: float
    seconds: float
    pitch: int
    loud: float


def compose(rng: np.random.Generator, seconds: float) -> list[Note]:
    """Some of the PARTS over four chords that repeat, for `seconds`."""
    beat = 60 / rng.uniform(*TEMPI)
    scale, root = SCALES[rng.integers(len(SCALES))], int(rng.integers(45, 57))
    degrees = rng.integers(0, len(scale), 4)
    chosen = [part for part in PARTS if rng.random() < 0.5] or [str(rng.choice(PARTS))]
    notes: list[Note] = []
    for part in chosen:
        rhythm = _rhythm(rng, STEPS[part])
        higher = {"bass": -12, "lead": 12, "arpeggio": 12}.get(part, 0)
        register = root + higher + 12 * int(rng.integers(0, 2))
        melody = 0
        for bar in range(int(np.ceil(seconds / (4 * beat)))):
            for number, (start, length) in enumerate(rhythm):
                melody = int(np.clip(melody + rng.integers(-2, 3), -4, 7))
                degree = int(degrees[bar % 4])
                for pitch in _pitches(rng, part, number, degree, melody, scale, register):
                    when = (4 * bar + start) * beat + abs(rng.normal(0, 0.008))
                    notes.append(Note(part, when, length * beat, pitch, rng.uniform(0.5, 1)))
    return [note for note in notes if note.start < seconds]


def midi(notes: list[Note], rng: np.random.Generator) -> bytes:
    """The notes as a standard MIDI file, every part on an instrument drawn by chance."""
    programs = np.setdiff1d(np.arange(128), VOICES)
    events: list[tuple[float, int, bytes]] = []
    for number, part in enumerate(PARTS):
        channel = 9 if part == "drums" else number
        events.append((0.0, 0, bytes((0xC0 | channel, int(rng.choice(programs))))))
        for note in notes:
            if note.part == part:
                on = bytes((0x90 | channel, note.pitch, round(127 * note.loud)))
                off = bytes((0x80 | channel, note.pitch, 0))
                events += [(note.start, 2, on), (note.start + note.seconds, 1, off)]
    track, before = b"", 0
    for when, _, event in sorted(events):
        at = round(when * 2 * _TICKS)
        track += _variable_length(at - before) + event
        before = at
    track += b"\x00\xff\x2f\x00"
    header = struct.pack(">4sIHHH", b"MThd", 6, 0, 1, _TICKS)
    return header + struct.pack(">4sI", b"MTrk", len(track)) + track


def _rhythm(rng: np.random.Generator, steps: tuple[float, ...]) -> list[tuple[float, float]]:
    """Start and length, in beats, of the notes of a bar."""
    starts = [float(at) for at in np.arange(0, 4, rng.choice(steps)) if rng.random() < 0.8] or [0.0]
    held = rng.uniform(0.3, 1.1)
    return [(a, (b - a) * held) for a, b in zip(starts, [*starts[1:], 4.0], strict=True)]


def _pitches(
    rng: np.random.Generator,
    part: str,
    number: int,
    degree: int,
    melody: int,
    scale: tuple[int, ...],
    root: int,
) -> list[int]:
    """What a part plays as the note `number` of a bar over the chord on `degree`."""
    if part == "drums":
        return [BEAT[number % 4] if rng.random() < 0.75 else int(rng.choice(DRUMS))]
    steps = {
        "chords": [degree, degree + 2, degree + 4],
        "bass": [degree + 4 * int(rng.random() < 0.3)],
        "arpeggio": [degree + 2 * (number % 3)],
        "lead": [melody],
    }[part]
    return [
        int(np.clip(root + 12 * (step // len(scale)) + scale[step % len(scale)], 24, 103))
        for step in steps
    ]


def _variable_length(value: int) -> bytes:
    """A number in seven bits a byte, the highest first, as MIDI files count time."""
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(0x80 | value & 0x7F)
    return bytes(reversed(groups))


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--count", type=click.IntRange(1), default=400, show_default=True, metavar="N")
@click.option(
    "--seconds",
    type=click.FloatRange(0, min_open=True),
    default=10.0,
    show_default=True,
    metavar="S",
    help="How long each is.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
def command(folder: Path, count: int, seconds: float, seed: int) -> None:
    """Write random tunes as MIDI files into FOLDER."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        rng = np.random.default_rng((seed, number))
        (folder / f"{number:04}.mid").write_bytes(midi(compose(rng, seconds), rng))


if __name__ == "__main__":
    command()
