"""Who is to speak what: lists of clips, from a folder, a table, or the paper's file lists."""

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
    """The held-out clips with a voice of a clips.csv (file, person, held_out) and who is on them.

    Without any held-out clip all of them. Raises NamedError as `clip_table.read` does.
    """
    rows = clip_table.read(table)
    if (rows.held_out == "yes").any():
        rows = rows[rows.held_out == "yes"]
    if "voice" in rows:
        rows = rows[rows.voice != "no"]
    return [(folder / file, person) for file, person in zip(rows.file, rows.person, strict=True)]


def from_folder(folder: Path) -> list[tuple[Path, str]]:
    """Every video under `folder`; those of one subfolder show one person, as far as is known."""
    videos = videos_in(folder)
    if not videos:
        raise _bad_list(folder, "there is no video in it")
    return [
        (path, str(path.parent.relative_to(folder)) if path.parent != folder else path.stem)
        for path in videos
    ]


def from_list(path: Path, folder: Path) -> list[Pair]:
    """The pairs of a list in the layouts of the paper's evaluation (Prajwal et al. 2020).

    A line holds a video and a voice (random pairs, TTS pairs: `face.mp4 voice.wav`), or one dubbed
    video, or, without suffixes, the voice's clip before the video's as the lists for LRS2, LRS3 and
    LRW do; a number after them is the second of the voice to begin with. Paths start at `folder`.
    Raises NamedError `bad-list` for anything else, and for files that are not there.
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
    """Each clip with a voice of somebody else: the person's before, clip by clip.

    With a single person another of the person's clips; a single clip keeps its own voice, which the
    takes then hear half its length later.
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
        return False  # it is left out with this error when it is watched


def enough(pairs: list[Pair], seconds: float) -> list[Pair]:
    """The first clips of each person that together last so many seconds, each with all its voices.

    What has no sound, or cannot be read, does not count: it is chosen, and left out when watched.
    """
    lasted: dict[str, float] = {}
    chosen: dict[Path, bool] = {}
    for pair in pairs:
        if pair.face not in chosen:
            so_far = lasted.get(pair.person, 0.0)
            chosen[pair.face] = so_far < seconds
            if chosen[pair.face]:
                lasted[pair.person] = so_far + _seconds(pair.face)
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
