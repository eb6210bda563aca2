"""Speech with the teacher's features of it and, of clips, with what the mouth does meanwhile.

Short pieces of one speaker are joined to recordings of some ten seconds, with short pauses: the
teacher needs context, and words are rarely said alone.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from media.errors import MediaError
from media.sound import read_sound
from wav2lip.audio import HOP, MEL_RATE, SAMPLE_RATE, mel_spectrogram
from wav2lip.compact import mouth_shape, voice_net
from wav2lip.training import dataset, phone_times, teacher
from wav2lip.training.phone_times import Phone
from wav2lip.training.sequences import FPS, HEARD_AFTER, HEARD_BEFORE

SECONDS = 10.0
PAUSES = 0.1, 0.4  # seconds between two pieces
PEAK = 0.7  # of full scale, of every piece
FAINTEST = 0.003  # quieter pieces are silence
SHORTEST = round(0.6 * SAMPLE_RATE)
# Recordings are multiples of this, in samples: both 40 and 50 a second divide it.
GRAIN = SAMPLE_RATE // 10
OUTPUT_SAMPLES = SAMPLE_RATE // voice_net.OUTPUT_RATE


@dataclass(frozen=True)
class Piece:
    """Some seconds of one speaker: samples (n,), 16 kHz, and what is known of them."""

    samples: np.ndarray
    clip: str = ""
    first_frame: int = 0
    phones: tuple[Phone, ...] | None = None  # None where they are not known


@dataclass(frozen=True)
class Placed:
    """A piece of a clip in a recording: it begins at `start` seconds."""

    clip: str
    first_frame: int
    start: float
    seconds: float


@dataclass(frozen=True)
class Recording:
    """Mel (T, 80) and the teacher's features (n, 384), 50 a second, both float16.

    `closed` (outputs,) float16 is 1 where lips are closed, 0 where not, and NaN where that is not
    known.
    """

    mel: np.ndarray
    features: np.ndarray
    closed: np.ndarray
    placed: tuple[Placed, ...] = ()

    @property
    def outputs(self) -> int:
        """The number of outputs of a voice network for it, 40 a second."""
        return len(self.mel) // voice_net.STRIDE

    def features_at_outputs(self) -> np.ndarray:
        """The features interpolated at the instants of the outputs, (outputs, 384) float32."""
        places = np.arange(self.outputs) * (teacher.RATE / voice_net.OUTPUT_RATE)
        last = len(self.features) - 1
        below = np.floor(places).astype(int).clip(0, last)
        weight = (places - below)[:, None].astype(np.float32)
        low, high = (
            self.features[index].astype(np.float32) for index in (below, (below + 1).clip(max=last))
        )
        return low + (high - low) * weight


Statistics = dict[str, tuple[np.ndarray, np.ndarray]]


def targets(
    recording: Recording,
    clips: dict[str, dataset.Clip],
    statistics: Statistics,
    lags: dict[str, int],
) -> tuple[np.ndarray, np.ndarray]:
    """What the mouth does at each output: deviations (n, 8) float32, and where they are known (n,).

    `statistics` are those of `sequences.statistics`. Frame i of a clip shows what is said at frame
    i + lag; of clips without a lag in `lags`, by name, nothing is known.
    """
    seconds = np.arange(recording.outputs) / voice_net.OUTPUT_RATE
    target = np.zeros((recording.outputs, mouth_shape.COUNT), np.float32)
    known = np.zeros(recording.outputs, np.float32)
    for piece in recording.placed:
        if piece.clip not in lags:
            continue
        clip = clips[piece.clip]
        mean, deviation = statistics[clip.group]
        raw = clip.raw[piece.first_frame :][: round(piece.seconds * FPS)]
        moves = ((raw - mean) / deviation).clip(-4, 4)
        frame = (seconds - piece.start) * FPS - lags[piece.clip]
        inside = (frame >= 0) & (frame <= len(moves) - 1)
        inside &= seconds >= piece.start + HEARD_BEFORE / MEL_RATE
        inside &= seconds <= piece.start + piece.seconds - HEARD_AFTER / MEL_RATE
        for column, moved in enumerate(moves.T):
            target[inside, column] = np.interp(frame[inside], np.arange(len(moves)), moved)
        known[inside] = 1
    return target, known


def of_clips(clips: Iterable[dataset.Clip]) -> Iterator[list[Piece]]:
    """The voices of prepared clips: the pieces of each person."""
    persons: dict[str, list[Piece]] = {}
    step = round(SECONDS * FPS)
    for clip in clips:
        samples = clip.samples()
        for first in range(0, len(clip.raw), step):
            begin, end = (
                frame * SAMPLE_RATE // FPS for frame in (first, min(first + step, len(clip.raw)))
            )
            piece = Piece(samples[begin:end], clip.name, first)
            persons.setdefault(clip.person, []).append(piece)
    yield from persons.values()


def of_folder(folder: Path) -> Iterator[list[Piece]]:
    """All sounds under a folder; those directly in one folder are one speaker's.

    Beside a sound may be its `phone_times`.
    """
    speakers: dict[Path, list[Path]] = {}
    for path in sorted(folder.rglob("*.*")):
        if not path.name.endswith(phone_times.SUFFIX):
            speakers.setdefault(path.parent, []).append(path)
    for paths in speakers.values():
        yield [piece for path in paths for piece in _pieces(path)]


def recorded(
    speakers: Iterable[list[Piece]], encoder: teacher.Teacher, rng: np.random.Generator
) -> Iterator[Recording]:
    """The pieces of each speaker, shuffled and joined to recordings of SECONDS or less.

    Silent and very short pieces are left out.
    """
    for pieces in speakers:
        parts: list[np.ndarray] = []
        placed: list[Placed] = []
        closed: list[np.ndarray] = []
        length = 0
        for index in rng.permutation(len(pieces)):
            piece = pieces[index]
            peak = np.abs(piece.samples).max(initial=0)
            if peak < FAINTEST or len(piece.samples) < SHORTEST:
                continue
            if parts and length + len(piece.samples) > SECONDS * SAMPLE_RATE:
                yield _joined(parts, placed, closed, encoder)
                parts, placed, closed, length = [], [], [], 0
            start, seconds = length / SAMPLE_RATE, len(piece.samples) / SAMPLE_RATE
            if piece.clip:
                placed.append(Placed(piece.clip, piece.first_frame, start, seconds))
            pause = np.zeros(round(rng.uniform(*PAUSES) * SAMPLE_RATE), np.float32)
            parts += [piece.samples * np.float32(PEAK / peak), pause]
            length += len(piece.samples) + len(pause)
            closed.append(_closed_lips(piece, start, seconds, length // OUTPUT_SAMPLES))
        if parts:
            yield _joined(parts, placed, closed, encoder)


def save(path: Path, recordings: list[Recording]) -> None:
    """Write `recordings` to `path`, an .npz, which is always a whole file."""
    partial = path.with_name(f"{path.name}.part")
    rows = [(i, placed) for i, each in enumerate(recordings) for placed in each.placed]
    with partial.open("wb") as opened:
        np.savez(
            opened,
            mel=np.concatenate([each.mel for each in recordings]),
            features=np.concatenate([each.features for each in recordings]),
            closed=np.concatenate([each.closed for each in recordings]),
            columns=np.array([len(each.mel) for each in recordings]),
            counts=np.array([len(each.features) for each in recordings]),
            recording=np.array([i for i, _ in rows], int),
            clip=np.array([placed.clip for _, placed in rows], str),
            first_frame=np.array([placed.first_frame for _, placed in rows], int),
            start=np.array([placed.start for _, placed in rows], float),
            seconds=np.array([placed.seconds for _, placed in rows], float),
        )
    partial.replace(path)


def load(path: Path) -> list[Recording]:
    """What `save` wrote."""
    with np.load(path) as arrays:
        mels = np.split(arrays["mel"], arrays["columns"].cumsum()[:-1])
        features = np.split(arrays["features"], arrays["counts"].cumsum()[:-1])
        outputs = arrays["columns"] // voice_net.STRIDE
        closed = np.split(arrays["closed"], outputs.cumsum()[:-1])
        placed: list[list[Placed]] = [[] for _ in mels]
        names = ("recording", "clip", "first_frame", "start", "seconds")
        for i, clip, frame, start, seconds in zip(*(arrays[name] for name in names), strict=True):
            placed[i].append(Placed(str(clip), int(frame), float(start), float(seconds)))
    return [
        Recording(*each[:3], tuple(each[3]))
        for each in zip(mels, features, closed, placed, strict=True)
    ]


def _joined(
    parts: list[np.ndarray],
    placed: list[Placed],
    closed: list[np.ndarray],
    encoder: teacher.Teacher,
) -> Recording:
    samples = np.concatenate(parts)
    samples = np.pad(samples, (0, -len(samples) % GRAIN))
    mel = mel_spectrogram(samples)[:, : len(samples) // HOP].T.astype(np.float16)
    known = np.full(len(mel) // voice_net.STRIDE, np.nan, np.float16)
    for lips in closed:
        known[: len(lips)] = np.where(np.isnan(lips), known[: len(lips)], lips)
    return Recording(mel, encoder(samples).astype(np.float16), known, tuple(placed))


def _closed_lips(piece: Piece, start: float, seconds: float, count: int) -> np.ndarray:
    """`phone_times.closed_lips` of a piece that begins at `start`, of the first `count` outputs."""
    if piece.phones is None:
        return np.full(count, np.nan, np.float16)
    moved = [phone.moved(start) for phone in piece.phones]
    closed = phone_times.closed_lips(moved, start + seconds, count)
    closed[: round(start * voice_net.OUTPUT_RATE)] = np.nan
    return closed


def _pieces(path: Path) -> Iterator[Piece]:
    """A sound in parts of SECONDS or less, with its phones if they lie beside it."""
    beside = phone_times.path_of(path)
    phones = phone_times.read(beside) if beside.exists() else None
    samples = _sound(path)
    for at in range(0, len(samples), round(SECONDS * SAMPLE_RATE)):
        part = samples[at : at + round(SECONDS * SAMPLE_RATE)]
        begin, end = at / SAMPLE_RATE, (at + len(part)) / SAMPLE_RATE
        said = None
        if phones is not None:
            inside = (each for each in phones if each.begin < end and each.end > begin)
            said = tuple(each.moved(-begin) for each in inside)
        yield Piece(part, phones=said)


def _sound(path: Path) -> np.ndarray:
    """A file's sound; nothing where it has none."""
    try:
        return read_sound(path, SAMPLE_RATE)
    except MediaError as error:
        if error.code not in ("no-audio-track", "not-a-voice"):
            raise
        return np.zeros(0, np.float32)
