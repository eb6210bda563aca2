"""Windows of five frames and their sound, from clips prepared in either of two layouts.

Wav2Lip's: PREPARED/<group>/<clip>/0.jpg, 1.jpg, ... and audio.wav (16 kHz), 25 frames a second,
with filelists/train.txt and val.txt naming `group/clip` a line. Or the files that
wav2lip.training.prepare writes. A group, or a person, is what is told apart when windows are drawn.
"""

import json
import struct
import wave
import zipfile
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from media.errors import NamedError
from wav2lip.audio import SAMPLE_RATE, mel_spectrogram, mel_windows
from wav2lip.compact import mouth_shape
from wav2lip.training import dataset

FPS = 25
FRAMES = 5  # of a window
SIDE = 96
# Sound shifted by fewer frames than this still looks in sync.
MIN_SHIFT = 3
# The shortest clip: room for a window, one in sync and one out of it.
MIN_LENGTH = FRAMES + MIN_SHIFT
Region = tuple[float, float, float, float]


class Clip(Protocol):
    """One prepared clip of one person."""

    @property
    def name(self) -> str: ...

    @property
    def person(self) -> str: ...

    @property
    def length(self) -> int:
        """How many frames have a picture and, with the four that follow, their sound."""
        ...

    @property
    def region(self) -> Region:
        """x1, y1, x2, y2 of the face in the pictures that `faces` gives."""
        ...

    def faces(self, first: int, count: int) -> np.ndarray:
        """RGB uint8 (count, h, w, 3), from frame `first` on."""
        ...

    def mel_window(self, first: int) -> np.ndarray:
        """The log-mel window (80, 16), in -4..4, that begins with frame `first`: 0.2 s."""
        ...

    def mouth_shapes(self, first: int) -> np.ndarray:
        """Mouth shapes (5, 8) float32 of the window at `first`, in standard deviations from the
        person's mean, in -4..4; NaN where they were not measured.
        """
        ...


@dataclass(frozen=True)
class FolderClip:
    """A clip in Wav2Lip's layout: `length` frames as JPEG files of the face alone."""

    folder: Path
    length: int
    region: Region = (0, 0, SIDE, SIDE)

    @property
    def name(self) -> str:
        return f"{self.person}/{self.folder.name}"

    @property
    def person(self) -> str:
        return self.folder.parent.name

    def faces(self, first: int, count: int) -> np.ndarray:
        return np.stack([self._face(index) for index in range(first, first + count)])

    def mel_window(self, first: int) -> np.ndarray:
        return mel_windows(_mel(self.folder / "audio.wav"), first, first + 1, Fraction(FPS))[0]

    def mouth_shapes(self, first: int) -> np.ndarray:
        return np.full((FRAMES, mouth_shape.COUNT), np.nan, np.float32)

    def _face(self, index: int) -> np.ndarray:
        path = self.folder / f"{index}.jpg"
        picture = cv2.imread(str(path))
        if picture is None:
            raise _unreadable(path)
        return cv2.resize(picture, (SIDE, SIDE))[:, :, ::-1]


@dataclass(frozen=True)
class StoredClip:
    """A clip of wav2lip.training.prepare, whose crops have a margin around the face."""

    clip: dataset.Clip
    lag: int  # frames by which the sound comes later than the picture
    deviations: np.ndarray  # (n, 8) mouth shapes, less the person's mean, by their spread
    # Jaws are about 0.8 of a box's height wide; the crops are squares as high as the box.
    region: Region = (16 + 0.1 * SIDE, 16, 16 + 0.9 * SIDE, 16 + SIDE)

    @property
    def name(self) -> str:
        return self.clip.name

    @property
    def person(self) -> str:
        return self.clip.person

    @property
    def length(self) -> int:
        return len(self.clip.raw)

    def faces(self, first: int, count: int) -> np.ndarray:
        return _crops(self.clip.path)[first : first + count]

    def mel_window(self, first: int) -> np.ndarray:
        return mel_windows(self.clip.mel, first + self.lag, first + self.lag + 1, Fraction(FPS))[0]

    def mouth_shapes(self, first: int) -> np.ndarray:
        return self.deviations[first : first + FRAMES]


def load(
    prepared: Path, table: Path | None = None, lags: Path | None = None
) -> tuple[list[Clip], list[Clip]]:
    """The clips to learn from and the clips to validate on, of a folder in either layout.

    `table` (clips.csv: file, person, held_out) and `lags` (lags.json of a voice run: the clips in
    sync, and by how many frames to move their sound) are for files of wav2lip.training.prepare; in
    Wav2Lip's layout the filelists say who is learned from. Raises NamedError `nothing-prepared`
    where there are no clips, or none for one of the two, or a file of them is missing or damaged,
    `bad-list` as `clip_table.read`, and `bad-option` for a table or lags beside filelists.
    """
    if next(prepared.glob("*.npz"), None):
        clips = _stored(prepared, table, json.loads(lags.read_text()) if lags else None)
    else:
        if table or lags:
            raise _lists_decide(prepared)
        clips = _listed(prepared, "train"), _listed(prepared, "val")
    for kind, members in zip(("learn from", "validate on"), clips, strict=True):
        if not members:
            raise _nothing(prepared, kind)
    return clips


def _stored(
    prepared: Path, table: Path | None, lags: dict[str, int] | None
) -> tuple[list[Clip], list[Clip]]:
    learned: list[Clip] = []
    unseen: list[Clip] = []
    clips = dataset.load(prepared, table)
    raws: dict[str, list[np.ndarray]] = {}
    for clip in clips:
        raws.setdefault(clip.group, []).append(clip.raw)
    for clip in clips:
        known = bool(clip.mel.shape[1]) and (lags is None or clip.name in lags)
        if known and len(clip.raw) >= MIN_LENGTH:
            usual = np.concatenate(raws[clip.group])
            deviations = ((clip.raw - usual.mean(0)) / (usual.std(0) + 1e-6)).clip(-4, 4)
            stored = StoredClip(clip, lags[clip.name] if lags else 0, deviations.astype(np.float32))
            (unseen if clip.held_out else learned).append(stored)
    return learned, unseen


def _listed(prepared: Path, name: str) -> list[Clip]:
    filelist = prepared / "filelists" / f"{name}.txt"
    if not filelist.is_file():
        raise NamedError(
            "nothing-prepared",
            f"{filelist} is missing.",
            "Write it with `mouth dataset split`: one group/clip a line.",
        )
    # As in the original's lists, anything after a space is a remark.
    names = [line.split()[0] for line in filelist.read_text("utf-8").splitlines() if line.strip()]
    clips = [FolderClip(prepared / name, _whole(prepared / name)) for name in names]
    return [clip for clip in clips if clip.length >= MIN_LENGTH]


def _whole(folder: Path) -> int:
    """How many frames from the first on have a picture and sound."""
    sound = folder / "audio.wav"
    if not sound.is_file():
        raise _unreadable(sound)
    with wave.open(str(sound)) as opened:
        heard = opened.getnframes() * FPS // opened.getframerate()
    pictures = {int(path.stem) for path in folder.glob("*.jpg") if path.stem.isdigit()}
    seen = next(index for index in range(len(pictures) + 1) if index not in pictures)
    return min(seen, heard)


@lru_cache(maxsize=4096)
def _mel(path: Path) -> np.ndarray:
    """(80, T), in half precision: a clip of ten seconds is 128 KB."""
    with wave.open(str(path)) as opened:
        if opened.getframerate() != SAMPLE_RATE or opened.getsampwidth() != 2:
            raise _unreadable(path)
        samples = np.frombuffer(opened.readframes(opened.getnframes()), np.int16)
        mono = samples.reshape(-1, opened.getnchannels()).mean(1)
    return mel_spectrogram((mono / 2**15).astype(np.float32)).astype(np.float16)


@lru_cache(maxsize=8192)
def _crops(path: Path) -> np.ndarray:
    """The crops of a prepared file as they lie on the disk: a window needs few of its bytes."""
    with zipfile.ZipFile(path) as archive:
        begin = archive.getinfo("crops.npy").header_offset
    with path.open("rb") as opened:
        # Of the member's own header only the lengths of its two last fields vary.
        opened.seek(begin + 26)
        opened.seek(begin + 30 + sum(struct.unpack("<HH", opened.read(4))))
        np.lib.format.read_magic(opened)
        shape, _, dtype = np.lib.format.read_array_header_1_0(opened)
        return np.memmap(path, dtype, "r", opened.tell(), shape)


def by_person(clips: list[Clip]) -> dict[str, list[int]]:
    """The indices of each person's clips, persons in the order of their first clip."""
    members: dict[str, list[int]] = {}
    for index, clip in enumerate(clips):
        members.setdefault(clip.person, []).append(index)
    return members


def clip_probabilities(clips: list[Clip]) -> np.ndarray:
    """How likely each clip is to be drawn, (n,) float64 with sum 1.

    A person's clips together weigh the square root of their number: those with many clips come more
    often, but do not dominate.
    """
    weights = np.zeros(len(clips))
    for members in by_person(clips).values():
        weights[members] = len(members) ** -0.5
    return weights / weights.sum()


def sample_windows(clip: Clip, most: int, rng: np.random.Generator) -> np.ndarray:
    """First frames of random windows of a clip, sorted and at least MIN_SHIFT apart: (k,) int64.

    k is `most`, or as many as have room in a short clip.
    """
    windows = clip.length - FRAMES + 1
    count = min(most, 1 + (windows - 1) // MIN_SHIFT)
    free = windows - (count - 1) * (MIN_SHIFT - 1)
    return np.sort(rng.choice(free, count, replace=False)) + np.arange(count) * (MIN_SHIFT - 1)


def crop_faces(faces: np.ndarray, region: Region, place: np.ndarray | None = None) -> np.ndarray:
    """The faces in pictures (n, h, w, 3), scaled to (n, 96, 96, 3), of the same dtype.

    `region` is where a face is, in pixels of the pictures. `place` (4,) moves the result for
    augmentation: right and down by pixels of the result, and its width and height, about the
    middle, by factors. Pixels beyond a picture repeat its edge.
    """
    x1, y1, x2, y2 = region
    if place is None and (x2 - x1, y2 - y1) == (SIDE, SIDE):
        return faces[:, int(y1) : int(y2), int(x1) : int(x2)]
    shift_x, shift_y, wide, high = (0, 0, 1, 1) if place is None else place
    across, down = wide * SIDE / (x2 - x1), high * SIDE / (y2 - y1)
    centre_x, centre_y = (x1 + x2 - 1) / 2, (y1 + y2 - 1) / 2
    middle = (SIDE - 1) / 2
    matrix = np.array(
        [
            [across, 0, middle + shift_x - across * centre_x],
            [0, down, middle + shift_y - down * centre_y],
        ]
    )
    size = (SIDE, SIDE)
    return np.stack(
        [cv2.warpAffine(face, matrix, size, borderMode=cv2.BORDER_REPLICATE) for face in faces]
    )


def _nothing(prepared: Path, kind: str) -> NamedError:
    return NamedError(
        "nothing-prepared",
        f"{prepared} holds no clips to {kind}.",
        "Prepare clips of several people with `mouth dataset prepare` and `mouth dataset split`.",
    )


def _lists_decide(prepared: Path) -> NamedError:
    return NamedError(
        "bad-option",
        f"Who is learned from is said by {prepared}/filelists, so no --table or --lags is read.",
        "Leave them away. They are for what `mouth train compact` has prepared.",
    )


def _unreadable(path: Path) -> NamedError:
    return NamedError(
        "nothing-prepared",
        f"{path} is missing or damaged.",
        "Prepare the clip again with `mouth dataset prepare`.",
    )
