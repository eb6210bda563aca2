"""From a folder of talking clips to one file of numbers per clip.

    python -m wav2lip.training.prepare CLIPS OUT

Every clip becomes OUT/<name>.npz: crops of the face, landmarks, raw mouth shapes, mel, an
embedding of the identity. A clip that is there already is skipped, so that an interrupted run goes
on where it was.
"""

from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import click
import cv2
import dlib
import numpy as np
from scipy.ndimage import gaussian_filter1d
from tqdm import tqdm

from face_detection.centerface import CenterFaceDetector
from face_detection.detection import area
from face_detection.landmarks import fit_box, landmarks, landmarks_in_fitted, model_file
from media.errors import MediaError
from media.folders import videos_in
from media.probe import probe
from media.sound import read_sound, soundtrack_delay
from media.video import read_frames
from wav2lip.audio import mel_spectrogram
from wav2lip.compact import crop, mouth_shape
from wav2lip.process_pool import working
from wav2lip.training.command_line import FOLDER, NEW_FOLDER, Command

FPS = 25
SAMPLE_RATE = 16000
DETECT_EVERY = 5
SHORTEST_RUN = 20
LONGEST_CLIP = 60 * FPS
# Room around the 96-pixel crop for shifting, turning and scaling it in training.
MARGIN = 16


def main(clips: Path, out: Path, processes: int = 2, limit: dict[str, int] | None = None) -> int:
    """Prepare every video under `clips` in `processes` processes; returns how many prepared clips
    `out` then holds.

    `limit` maps a folder directly under `clips` to the most clips taken from it, evenly spread.
    """
    out.mkdir(parents=True, exist_ok=True)
    todo = [path for path in _chosen(clips, limit or {}) if not _target(path, clips, out).exists()]
    with working(processes) as pool:
        jobs = [pool.submit(_prepare_clip, path, clips, out) for path in todo]
        skipped = [reason for job in tqdm(jobs, unit="clip") if (reason := job.result())]
    for reason in skipped:
        print("skipped", reason)
    return len(list(out.glob("*.npz")))


def _chosen(clips: Path, limit: dict[str, int]) -> list[Path]:
    by_folder: dict[str, list[Path]] = {}
    for path in videos_in(clips):
        by_folder.setdefault(path.relative_to(clips).parts[0], []).append(path)
    chosen = []
    for folder, members in by_folder.items():
        most = min(limit.get(folder, len(members)), len(members))
        chosen += [members[i * len(members) // most] for i in range(most)]
    return chosen


def _target(path: Path, clips: Path, out: Path) -> Path:
    return out / (str(path.relative_to(clips)).replace("/", "__") + ".npz")


def _prepare_clip(path: Path, clips: Path, out: Path) -> str | None:
    """Write one prepared clip; a reason instead when the clip is of no use."""
    cv2.setNumThreads(1)
    try:
        frames, samples = read_clip(path)
    except MediaError as error:
        return f"{path}: {error.message}"
    run = _longest_run(_faces(frames))
    if run is None:
        return f"{path}: no face that stays for {SHORTEST_RUN} frames"
    start, boxes = run
    frames = frames[start : start + len(boxes)]
    points, boxes = _follow(frames, boxes)
    first = round(start * SAMPLE_RATE / FPS)
    sound = samples[first : first + round(len(frames) * SAMPLE_RATE / FPS)]
    target = _target(path, clips, out)
    partial = target.with_name(f"{target.name}.part")
    with partial.open("wb") as opened:
        np.savez(
            opened,
            clip=str(path.relative_to(clips)),
            crops=np.stack(
                [crop.crop(f, b, margin=MARGIN) for f, b in zip(frames, boxes, strict=True)]
            ),
            points=_points_in_crops(points, boxes),
            raw=mouth_shape.measure(points),
            samples=np.round(sound.clip(-1, 1) * 32767).astype(np.int16),
            mel=mel_spectrogram(sound) if len(sound) > SAMPLE_RATE // 4 else np.zeros((80, 0)),
            embedding=_embedding(frames[len(frames) // 2], points[len(frames) // 2]),
        )
    partial.rename(target)
    return None


def read_clip(path: Path) -> tuple[list[np.ndarray], np.ndarray]:
    """Frames at 25 a second, RGB uint8 (h, w, 3), and the sound that begins with them, float32 in
    -1..1, 16 kHz mono; a minute at most. Raises MediaError where the file cannot be read.
    """
    frames = list(read_frames(path, stop=LONGEST_CLIP, fps=Fraction(FPS)))
    if not probe(path).has_audio:
        return frames, np.zeros(0, np.float32)
    samples = read_sound(path, SAMPLE_RATE)
    late = round(soundtrack_delay(path) * SAMPLE_RATE)
    return frames, np.pad(samples, (max(late, 0), 0))[max(-late, 0) :]


def _faces(frames: list[np.ndarray]) -> np.ndarray:
    """The largest face of each frame, (n, 4), NaN where there is none.

    Detection runs every DETECT_EVERY frames; boxes between are interpolated.
    """
    searched = list(range(0, len(frames), DETECT_EVERY))
    found = np.full((len(searched), 4), np.nan)
    for row, index in enumerate(searched):
        frame = frames[index]
        (faces,) = _detector().detect([frame], thorough=False)
        if faces:
            found[row] = max((face.box for face in faces), key=area)
    for row in range(1, len(searched)):
        if _overlap(found[row - 1], found[row]) < 0.5:
            found[row - 1] = np.nan
    ticks = np.arange(len(frames))
    return np.stack([np.interp(ticks, searched, column) for column in found.T], 1)


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    if np.isnan(a).any() or np.isnan(b).any():
        return 1.0
    both = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None).prod()
    return float(both / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - both))


def _longest_run(boxes: np.ndarray) -> tuple[int, np.ndarray] | None:
    """The longest unbroken stretch that shows a face: its first frame and its boxes."""
    seen = np.concatenate(([0], ~np.isnan(boxes).any(1), [0])).astype(int)
    starts, stops = (np.flatnonzero(np.diff(seen) == sign) for sign in (1, -1))
    if not len(starts) or (stops - starts).max() < SHORTEST_RUN:
        return None
    best = int((stops - starts).argmax())
    return int(starts[best]), boxes[starts[best] : stops[best]]


def _follow(frames: list[np.ndarray], boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks (n, 68, 2) of every frame and the steady fitted boxes (n, 4) around them.

    The height of a box changes slowly: following the chin, it would tell the renderer, and hide
    from it, how far the mouth is open.
    """
    rough = np.stack([landmarks(f, tuple(b)) for f, b in zip(frames, boxes, strict=True)])
    fitted = _steady(np.array([fit_box(p) for p in rough]))
    exact = np.stack(
        [landmarks_in_fitted(f, tuple(b)) for f, b in zip(frames, fitted, strict=True)]
    )
    points = gaussian_filter1d(exact, 0.7, axis=0, mode="nearest")
    return points, _steady(np.array([fit_box(p) for p in points]))


def _steady(boxes: np.ndarray) -> np.ndarray:
    left, top, right, bottom = boxes.T
    slow, fast = (lambda v, s=s: gaussian_filter1d(v, s, mode="nearest") for s in (10.0, 1.5))
    centre, width, height = fast((left + right) / 2), slow(right - left), slow(bottom - top)
    top = fast(top)
    return np.stack((centre - width / 2, top, centre + width / 2, top + height), 1)


def _points_in_crops(points: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Landmarks in pixels of the stored crops, float16."""
    squares = np.array([crop.square(box) for box in boxes])
    scale = crop.SIZE / squares[:, 2]
    moved = (points - squares[:, None, :2]) * scale[:, None, None] + MARGIN
    return moved.astype(np.float16)


@lru_cache(maxsize=1)
def _detector() -> CenterFaceDetector:
    return CenterFaceDetector()


@lru_cache(maxsize=1)
def _recogniser() -> dlib.face_recognition_model_v1:
    return dlib.face_recognition_model_v1(
        str(model_file("dlib_face_recognition_resnet_model_v1.dat"))
    )


def _embedding(frame: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The identity as 128 numbers, float32; two of one person are closer than about 0.42."""
    box = fit_box(points)
    shape = dlib.full_object_detection(
        dlib.rectangle(*(round(v) for v in box)),
        dlib.points([dlib.point(round(float(x)), round(float(y))) for x, y in points]),
    )
    patch = np.ascontiguousarray(frame)
    return np.array(_recogniser().compute_face_descriptor(patch, shape), np.float32)


class _Limit(click.ParamType):
    """FOLDER=N, as (folder, n)."""

    name = "limit"

    def convert(self, value: str, param: Any, context: Any) -> tuple[str, int]:
        folder, _, most = value.rpartition("=")
        if not folder or not most.isdecimal():
            self.fail(f"{value!r} is not FOLDER=N, such as words=200.", param, context)
        return folder, int(most)


@click.command(cls=Command)
@click.argument("clips", type=FOLDER)
@click.argument("out", type=NEW_FOLDER)
@click.option(
    "--processes",
    type=click.IntRange(1),
    default=2,
    show_default=True,
    metavar="N",
    help="How many clips are worked on at a time.",
)
@click.option(
    "--limit",
    "limits",
    type=_Limit(),
    multiple=True,
    metavar="FOLDER=N",
    help="At most N clips of a folder in CLIPS, evenly spread; may be given several times.",
)
def command(clips: Path, out: Path, processes: int, limits: tuple[tuple[str, int], ...]) -> None:
    """Prepare the CLIPS of talking people for the trainings of voice and renderer, into OUT."""
    click.echo(f"{main(clips, out, processes, dict(limits))} clips")


if __name__ == "__main__":
    command()
