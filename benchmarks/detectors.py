"""How well each installed detector finds small, rolled, turned and hidden faces, and false ones.

    python -m benchmarks.detectors [--detector NAME ...] [--sheet FOLDER]

The faces are those of scikit-image's photograph, its mirror image and the sample, pasted into
photographs without people, whole with shoulders. Printed are, for each kind, how many were found of
how many, as a still is searched and as frames of a video are (thoroughly, then briefly); the faces
found in pictures without any; and the milliseconds of processor for a frame of 640x480.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from skimage import data

import checkpoints
from benchmarks.material import FACE, film_frames
from benchmarks.measure import measure_call
from face_detection.detection import Box, Detection, iou
from face_detection.detector import Detector
from face_detection.detectors import load_detector
from face_detection.stride import Strided
from media.pictures import read_picture, write_picture

SAMPLE_FACE = Path(__file__).resolve().parent.parent / "static" / "sample" / "face.webp"
WIDTH, HEIGHT = 640, 480
# Of the box of a face, brow to chin, in a portrait that is cut out: what is left of and above it,
# and how wide and high the portrait is, in heights of the face.
LEFT, TOP, SIDE = 0.75, 0.6, 2.3
SIZES = (16, 20, 24, 30, 40, 64, 100)
ROLLS = (30, 45, 60, 90, 180)
YAWS = (15, 30, 45, 60)
POSE_SIZE = 80
# A found box overlaps the true one by this IoU; turned boxes are compared as if upright.
FOUND_IOU = 0.4
# Pictures of scikit-image in which nobody is, and where the portraits are pasted.
EMPTY = (
    *("coffee", "rocket", "coins", "page", "brick", "grass", "gravel", "chelsea", "clock"),
    *("hubble_deep_field", "retina", "immunohistochemistry", "moon", "text", "horse", "colorwheel"),
)
BEHIND = {"coffee": (0.3, 0.3), "rocket": (0.7, 0.6), "brick": (0.4, 0.7), "gravel": (0.7, 0.4)}

# A portrait, RGB uint8, and the box of the face in it.
Portrait = tuple[np.ndarray, Box]
# A picture with one face, and its box.
Scene = tuple[np.ndarray, Box]


def portraits() -> list[Portrait]:
    """Three portraits, square, with the face at the same place."""
    photograph = np.ascontiguousarray(data.astronaut())
    mirrored = np.ascontiguousarray(photograph[:, ::-1])
    x1, y1, x2, y2 = FACE
    width = photograph.shape[1]
    sample = read_picture(SAMPLE_FACE)
    return [
        _cut(photograph, FACE),
        _cut(mirrored, (width - x2, y1, width - x1, y2)),
        _cut(sample, _largest(load_detector("centerface", still=True), sample)),
    ]


def kinds() -> Iterator[tuple[str, list[Scene]]]:
    """The name of each kind of face, and pictures that hold one each."""
    faces = portraits()
    for size in SIZES:
        yield f"{size} pixels", scenes_of(faces, size)
    for roll in ROLLS:
        yield f"rolled by {roll} degrees", scenes_of(faces, POSE_SIZE, roll)
    for yaw in YAWS:
        yield (
            f"turned by {yaw} degrees",
            scenes_of([turned(face, yaw) for face in faces], POSE_SIZE),
        )
    for part in ("mouth", "lower half", "left half"):
        yield f"{part} hidden", scenes_of([_hidden(face, part) for face in faces], POSE_SIZE)


def empty_pictures() -> Iterator[np.ndarray]:
    """Pictures without any face, RGB uint8."""
    for name in EMPTY:
        picture = getattr(data, name)()
        if picture.dtype == bool:
            picture = picture.astype(np.uint8) * 255
        yield np.dstack([picture] * 3) if picture.ndim == 2 else picture[..., :3].copy()


def recall(detector: Detector, scenes: list[Scene], thorough: bool) -> int:
    """In how many scenes the face is found."""
    found = (detector.detect([picture], thorough)[0] for picture, _ in scenes)
    return sum(
        any(iou(face.box, box) >= FOUND_IOU for face in faces)
        for faces, (_, box) in zip(found, scenes, strict=True)
    )


def _cut(picture: np.ndarray, box: Box) -> Portrait:
    height = box[3] - box[1]
    x, y = (box[0] + box[2]) / 2 - SIDE / 2 * height, box[1] - TOP * height
    side = round(SIDE * height)
    shift = np.array([[1, 0, -x], [0, 1, -y]])
    cut = cv2.warpAffine(picture, shift, (side, side), borderMode=cv2.BORDER_REPLICATE)
    return cut, (box[0] - x, box[1] - y, box[2] - x, box[3] - y)


def _largest(detector: Detector, picture: np.ndarray) -> Box:
    (faces,) = detector.detect([picture])
    return max((face.box for face in faces), key=lambda box: box[3] - box[1])


def scenes_of(faces: list[Portrait], height: int, roll: float = 0) -> list[Scene]:
    return [
        _pasted(_background(name), face, place, height, roll)
        for face in faces
        for name, place in BEHIND.items()
    ]


def _background(name: str) -> np.ndarray:
    picture = getattr(data, name)()
    picture = np.dstack([picture] * 3) if picture.ndim == 2 else picture
    return cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)


def _pasted(
    picture: np.ndarray, face: Portrait, place: tuple[float, float], height: int, roll: float
) -> Scene:
    """The portrait with a soft rim, so that the face is `height` pixels high, at a place."""
    portrait, (x1, y1, x2, y2) = face
    scale = height / (y2 - y1)
    x, y = place[0] * WIDTH, place[1] * HEIGHT
    matrix = cv2.getRotationMatrix2D(((x1 + x2) / 2, (y1 + y2) / 2), -roll, scale)
    matrix[:, 2] += x - (x1 + x2) / 2, y - (y1 + y2) / 2
    # Averaged first, so that a reduced portrait has no jagged lines.
    smooth = cv2.GaussianBlur(portrait, (0, 0), 0.4 / scale) if scale < 1 else portrait
    side = len(portrait)
    rim = np.zeros((side, side), np.float32)
    cv2.ellipse(rim, (side // 2, side // 2), (side * 9 // 20,) * 2, 0, 0, 360, 1.0, -1)
    mask = cv2.warpAffine(cv2.GaussianBlur(rim, (0, 0), side / 60), matrix, (WIDTH, HEIGHT))
    head = cv2.warpAffine(smooth, matrix, (WIDTH, HEIGHT))
    mixed = picture * (1 - mask[..., None]) + head * mask[..., None]
    half = (x2 - x1) * scale / 2, height / 2
    return np.rint(mixed).astype(np.uint8), (x - half[0], y - half[1], x + half[0], y + half[1])


def turned(face: Portrait, yaw: float) -> Portrait:
    """The head turned as if the photograph were its surface: an ellipsoid around the face."""
    portrait, (x1, y1, x2, y2) = face
    side, middle = len(portrait), ((x1 + x2) / 2, (y1 + y2) / 2 - 0.1 * (y2 - y1))
    radius = 0.62 * (x2 - x1), 0.85 * (y2 - y1)
    row, column = np.mgrid[0:side, 0:side].astype(np.float32)
    u, v = (column - middle[0]) / radius[0], (row - middle[1]) / radius[1]
    depth = np.sqrt(np.clip(1 - u**2 - v**2, 0, None))
    cosine, sine = np.cos(np.radians(yaw)), np.sin(np.radians(yaw))
    inside = u**2 + v**2 < 1
    # What the camera did not see shows the rim of what it saw.
    front = u * sine + depth * cosine > 0
    seen = np.where(front, u * cosine - depth * sine, -np.sqrt(np.clip(1 - v**2, 0, None)))
    map_x = np.where(inside, middle[0] + seen * radius[0], column).astype(np.float32)
    return cv2.remap(portrait, map_x, row, cv2.INTER_LINEAR), face[1]


def _hidden(face: Portrait, part: str) -> Portrait:
    """The portrait with a part of the face behind a plain thing, lit from one side."""
    portrait, (x1, y1, x2, y2) = face
    height = y2 - y1
    areas = {
        "mouth": (x1 + 0.2 * (x2 - x1), y1 + 0.62 * height, x2 - 0.2 * (x2 - x1), y2),
        "lower half": (x1 - 10, y1 + 0.5 * height, x2 + 10, y2 + 0.2 * height),
        "left half": (x1 - 0.3 * height, y1 - 0.3 * height, (x1 + x2) / 2, y2 + 0.1 * height),
    }
    left, top, right, bottom = (round(side) for side in areas[part])
    covered = portrait.copy()
    light = np.linspace(90, 150, right - left)[None, :, None]
    covered[top:bottom, left:right] = light * (1.0, 0.8, 0.7)
    return covered, face[1]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--detector", action="append", choices=["s3fd", "centerface"])
    options.add_argument("--sheet", type=Path, help="where to write a picture of each kind")
    chosen = options.parse_args()
    here = ["centerface", *(["s3fd"] if checkpoints.get("s3fd").present else [])]
    ways: list[tuple[str, Detector, bool]] = []
    for name in chosen.detector or here:
        still, video = load_detector(name, still=True), load_detector(name)
        frames = video.detector if isinstance(video, Strided) else video
        ways += [(f"{name}, still", still, True), (f"{name}, video", frames, True)]
        ways.append((f"{name}, brief", frames, False))
    print("| faces | " + " | ".join(name for name, _, _ in ways) + " |")
    print("| --- |" + " --- |" * len(ways))
    for kind, scenes in kinds():
        found = [recall(detector, scenes, thorough) for _, detector, thorough in ways]
        print(f"| {kind}, of {len(scenes)} | " + " | ".join(map(str, found)) + " |", flush=True)
        if chosen.sheet:
            chosen.sheet.mkdir(parents=True, exist_ok=True)
            _draw(chosen.sheet / f"{kind}.jpg", scenes, ways[0][1])
    pictures = list(empty_pictures())
    false = [
        sum(len(detector.detect([picture], thorough)[0]) for picture in pictures)
        for _, detector, thorough in ways
    ]
    print(f"| false ones in {len(pictures)} pictures | " + " | ".join(map(str, false)) + " |")
    (frame,) = film_frames(WIDTH, HEIGHT, 1)
    costs = []
    for _, detector, thorough in ways:
        search = partial(detector.detect, [frame], thorough)
        search()
        costs.append(1000 * measure_call(search, 5).cpu)
    print("| ms of 640x480 | " + " | ".join(f"{cost:.0f}" for cost in costs) + " |")


def _draw(path: Path, scenes: list[Scene], detector: Detector) -> None:
    """Three scenes side by side, with the boxes that are found."""
    tiles = []
    for picture, _ in scenes[:: len(scenes) // 3][:3]:
        tile = picture.copy()
        faces: list[Detection] = detector.detect([picture])[0]
        for face in faces:
            size = face.x2 - face.x1, face.y2 - face.y1
            middle = (face.x1 + face.x2) / 2, (face.y1 + face.y2) / 2
            corners = cv2.boxPoints((middle, size, face.roll)).astype(int)
            cv2.polylines(tile, [corners], True, (255, 0, 0), 2)
            words = f"{face.score:.2f} roll {face.roll:.0f} yaw {face.yaw:.0f}"
            cv2.putText(tile, words, (10, 20), cv2.FONT_HERSHEY_PLAIN, 1.2, (255, 255, 0), 1)
        tiles.append(tile)
    write_picture(path, np.hstack(tiles))


if __name__ == "__main__":
    main()
