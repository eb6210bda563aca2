"""Which clips are evaluated, with which other voices: from a folder, a table or a list."""

from dataclasses import dataclass
from pathlib import Path

from media.errors import MediaError, NamedError
from media.folders import videos_in
from media.probe import probe
from wav2lip import clip_table


@dataclass(frozen=True)
class Pair:
    """A clip of a speaker, whose own voice is the true one, and a clip with another voice."""

    face: Path
    person: str
    other: Path
    offset: float = 0.0  # seconds into `other` at which the voice begins

    def __str__(self) -> str:
        return f"{self.face}, with the voice of {self.other}"


def from_table(table: Path, folder: Path) -> list[tuple[Path, str]]:
    """The clips of a clips.csv that have a voice and are held out, each with its person.

    If none is held out, all that have a voice. Files are in `folder`. Raises NamedError as
    `clip_table.read` does.
    """
    rows = clip_table.read(table)
    if (rows.held_out == "yes").any():
        rows = rows[rows.held_out == "yes"]
    if "voice" in rows:
        rows = rows[rows.voice != "no"]
    return [(folder / file, person) for file, person in zip(rows.file, rows.person, strict=True)]


def from_folder(folder: Path) -> list[tuple[Path, str]]:
    """Every video under `folder`, each with its person: those of a subfolder are of one person.

    Raises NamedError `bad-list` if there is none.
    """
    videos = videos_in(folder)
    if not videos:
        raise _bad_list(folder, "there is no video in it")
    return [
        (path, str(path.parent.relative_to(folder)) if path.parent != folder else path.stem)
        for path in videos
    ]


def from_list(path: Path, folder: Path) -> list[Pair]:
    """The pairs of a list in the layouts of the paper's evaluation (Prajwal et al. 2020).

    A line holds a video and a voice (`face.mp4 voice.wav`: random pairs, TTS pairs), or one dubbed
    video, or, as in the lists for LRS2, LRS3 and LRW, two clips without suffix, that of the voice
    first. A number after them is the second of the voice at which it begins. Paths are relative to
    `folder`; each video counts as a person. Raises NamedError `bad-list` for any other line, and
    for files that do not exist.
    """
    pairs = []
    for number, line in enumerate(_lines(path), start=1):
        words = line.split()
        if not words:
            continue
        offset = float(words.pop()) if len(words) == 3 and _is_number(words[2]) else 0.0
        if len(words) > 2:
            raise _bad_list(path, f"line {number} is not a video and a voice")
        if not any(Path(word).suffix for word in words):
            words = [f"{word}.mp4" for word in reversed(words)]
        face, voice = (folder / word for word in (words[0], words[-1]))
        for file in (face, voice):
            if not file.is_file():
                raise _bad_list(path, f"{file}, of line {number}, is not there")
        pairs.append(Pair(face, words[0], voice, offset))
    if not pairs:
        raise _bad_list(path, "it is empty")
    return pairs


def with_other_voices(clips: list[tuple[Path, str]]) -> list[Pair]:
    """Each clip paired with a voice of another person: of the one before in alphabetical order.

    `clips` are files and persons. A single person's clips get the voice of another clip; a single
    clip gets its own voice, which the conditions then start at the middle.
    """
    persons: dict[str, list[Path]] = {}
    for path, person in clips:
        persons.setdefault(person, []).append(path)
    names = sorted(persons)
    voices = {name: [path for path in persons[name] if _has_sound(path)] for name in names}
    pairs = []
    for index, name in enumerate(names):
        before = [other for other in names[index + 1 :] + names[:index] if voices[other]]
        for number, path in enumerate(persons[name]):
            own = [voice for voice in voices[name] if voice != path] or [path]
            others = voices[before[-1]] if before else own
            pairs.append(Pair(path, name, others[number % len(others)]))
    return pairs


def _has_sound(clip: Path) -> bool:
    try:
        return probe(clip).has_audio
    except MediaError:
        return False  # footage.track_speaker raises this error again, and the clip is left out


def limit_seconds(pairs: list[Pair], seconds: float) -> list[Pair]:
    """The pairs of the first clips of each person that together last at least `seconds`.

    Clips without sound, or that cannot be read, are included and do not count: they are left out
    with the reason later.
    """
    total: dict[str, float] = {}
    chosen: dict[Path, bool] = {}
    for pair in pairs:
        if pair.face not in chosen:
            so_far = total.get(pair.person, 0.0)
            chosen[pair.face] = so_far < seconds
            if chosen[pair.face]:
                total[pair.person] = so_far + _seconds(pair.face)
    return [pair for pair in pairs if chosen[pair.face]]


def _seconds(clip: Path) -> float:
    try:
        info = probe(clip)
    except MediaError:
        return 0.0
    return float(info.duration or 0) if info.has_audio else 0.0


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise _bad_list(path, "it is no text") from error


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _bad_list(path: Path, problem: str) -> NamedError:
    return NamedError(
        "bad-list",
        f"{path} lists no clips to be evaluated: {problem}.",
        "See docs/evaluation.md for the lists that are understood.",
    )
