"""Twelve portraits that speak, to be looked at, and two figures of each.

    python -m benchmarks.portraits [--out sheet.png] [--renderer-only] [--smile S] [--strength S]

Photographs of smiles, and what becomes of them when they are mirrored, turned, painted, drawn or
made up, speak the sample's voice: each the portrait and six moments, from the most closed mouth
that is asked for to the most open one, the mouths enlarged below. Printed is *foreign colour*, the
share of the mouth's pixels whose chroma (a, b of CIE Lab) the portrait has nowhere about its mouth,
and the distance of the face embeddings of results and portrait, both means of the six.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from skimage.data import astronaut

import wav2lip
from benchmarks.material import RATE, SAMPLE_VOICE
from face_detection.detection import Detection
from face_detection.detectors import load_detector
from face_detection.identity import embedding
from face_detection.landmarks import landmarks_in_fitted
from media.pictures import read_picture, write_picture
from media.sound import read_sound
from rendering.source_mouths import face_landmarks, find_mouth
from wav2lip.audio import mel_spectrogram
from wav2lip.compact import mouth_shape
from wav2lip.engine import Engine, Style

FPS = Fraction(25)
MOMENTS = 6
SAMPLE = Path(__file__).resolve().parent.parent / "static" / "sample" / "face.webp"
FACE_SIZE, MOUTH_SIZE = (180, 220), (180, 130)
# Chroma at least this far outside the portrait's own range is foreign, in units of Lab.
TOLERANCE = 2.0


def portraits() -> Iterator[tuple[str, np.ndarray]]:
    """Name and picture, RGB uint8."""
    photograph = np.ascontiguousarray(astronaut()[:300, 60:380])
    yield "photograph", photograph
    yield "sample", read_picture(SAMPLE)
    yield "mirrored", np.ascontiguousarray(photograph[:, ::-1])
    yield "leaning", _turned(photograph, 14)
    yield "large", _enlarged(photograph, 4)
    yield "dark skin", _darker(photograph)
    yield (
        "black and white",
        np.repeat(cv2.cvtColor(photograph, cv2.COLOR_RGB2GRAY)[..., None], 3, 2),
    )
    large = _enlarged(photograph, 2)
    yield "painting", cv2.stylization(large, sigma_s=40, sigma_r=0.35)
    yield "pencil", cv2.pencilSketch(large, sigma_s=40, sigma_r=0.06, shade_factor=0.04)[1]
    yield "cartoon", _cartoon(large)
    yield "glasses", _with_glasses(photograph)
    yield "moustache", _with_moustache(photograph)


def _turned(picture: np.ndarray, roll: float) -> np.ndarray:
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -roll, 1)
    return cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)


def _enlarged(picture: np.ndarray, times: int) -> np.ndarray:
    """With a grain, as of a camera, so that sharpness is there to be lost."""
    large = cv2.resize(picture, None, fx=times, fy=times, interpolation=cv2.INTER_CUBIC)
    grain = np.random.default_rng(0).normal(0, 2, (*large.shape[:2], 1))
    return np.rint(large + grain).clip(0, 255).astype(np.uint8)


def _darker(picture: np.ndarray) -> np.ndarray:
    """Skin and lips darker; what is white, as teeth are, stays."""
    lab = cv2.cvtColor((picture / 255).astype(np.float32), cv2.COLOR_RGB2LAB)
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    coloured = cv2.GaussianBlur(((chroma - 8) / 8).clip(0, 1), (0, 0), 0.7)
    lab[..., 0] *= 1 - 0.45 * coloured
    return np.rint(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB).clip(0, 1) * 255).astype(np.uint8)


def _cartoon(picture: np.ndarray) -> np.ndarray:
    """Few colours and dark outlines."""
    flat = picture
    for _ in range(4):
        flat = cv2.bilateralFilter(flat, 9, 40, 7)
    flat = (flat // 24) * 24 + 12
    grey = cv2.medianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), 5)
    lines = cv2.adaptiveThreshold(grey, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, 9, 4)
    return np.where(cv2.medianBlur(lines, 3)[..., None] > 0, flat, flat // 3)


def _points(picture: np.ndarray) -> np.ndarray:
    return landmarks_in_fitted(picture, _face(picture).box)


def _with_glasses(picture: np.ndarray) -> np.ndarray:
    points, out = _points(picture), picture.copy()
    middles = [points[eye].mean(0) for eye in (range(36, 42), range(42, 48))]
    radius = 0.42 * float(np.linalg.norm(middles[1] - middles[0]))
    for middle in middles:
        _drawn(cv2.circle, out, middle, round(radius * 16), (30, 30, 35), 2)
    return out


def _with_moustache(picture: np.ndarray) -> np.ndarray:
    points = _points(picture)
    nose, lip = points[31:36].mean(0), points[50:53].mean(0)
    middle, half = (nose + 2 * lip) / 3, 0.42 * float(np.linalg.norm(points[54] - points[48]))
    mask = np.zeros(picture.shape[:2], np.float32)
    height = 0.45 * float(np.linalg.norm(lip - nose))
    cv2.ellipse(mask, (middle.tolist(), (2 * half, 2 * height), 0), 1.0, -1)
    rng = np.random.default_rng(0)
    hair = np.array([58, 42, 34]) + rng.normal(0, 14, (*mask.shape, 1))
    mask = cv2.GaussianBlur(mask, (0, 0), 1.2)[..., None] * 0.85
    return np.rint(picture + mask * (hair - picture)).clip(0, 255).astype(np.uint8)


def _drawn(draw, out: np.ndarray, middle: np.ndarray, *rest) -> None:  # type: ignore[no-untyped-def]
    """A shape with a smooth outline, in sixteenths of a pixel."""
    x, y = (round(value * 16) for value in middle.tolist())
    draw(out, (x, y), *rest, cv2.LINE_AA, 4)


def _face(picture: np.ndarray) -> Detection:
    (faces,) = load_detector(still=True).detect([picture])
    return max(faces, key=lambda face: face.box[3] - face.box[1])


def moments(engine: Engine) -> np.ndarray:
    """What drives the engine at the moments, from the most closed mouth to the most open one."""
    sound = read_sound(SAMPLE_VOICE, RATE)
    drive = engine.drive(mel_spectrogram(sound), 0, len(sound) * int(FPS) // RATE, FPS)
    # At both ends it is silent.
    spoken = drive[5:-10]
    order = np.argsort(spoken[:, mouth_shape.OPENING])
    return spoken[order[np.linspace(0, len(order) - 1, MOMENTS).round().astype(int)]]


def foreign_colour(portrait: np.ndarray, points: np.ndarray, result: np.ndarray) -> float:
    """The share of the mouth's pixels of `result` whose chroma the portrait has not."""
    around = _mouth(portrait, points, 0.5)
    seen = _lab(portrait)[around][:, 1:]
    low, high = np.percentile(seen, 0.5, 0) - TOLERANCE, np.percentile(seen, 99.5, 0) + TOLERANCE
    chroma = _lab(result)[_mouth(portrait, points, 0.12)][:, 1:]
    return float(((chroma < low) | (chroma > high)).any(1).mean())


def _mouth(picture: np.ndarray, points: np.ndarray, grown: float) -> np.ndarray:
    """Which pixels are the lips and what is between them, grown by so many half widths."""
    mask = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.rint(points[48:60]).astype(np.int32)], 1)
    reach = round(grown * float(np.linalg.norm(points[54] - points[48])) / 2)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return cv2.dilate(mask, disc) > 0


def _lab(picture: np.ndarray) -> np.ndarray:
    return cv2.cvtColor((picture / 255).astype(np.float32), cv2.COLOR_RGB2LAB)


def _shown(picture: np.ndarray, face: Detection, points: np.ndarray) -> np.ndarray:
    """The face, and the mouth enlarged below it."""
    x1, y1, x2, y2 = face.box
    half = float(np.linalg.norm(points[54] - points[48])) / 2
    x, y = points[[48, 54, 51, 57]].mean(0).tolist()
    parts = (
        (FACE_SIZE, (x1 + x2) / 2, (y1 + y2) / 2, (y2 - y1) * 0.6),
        (MOUTH_SIZE, x, y, half * 1.45 * MOUTH_SIZE[1] / MOUTH_SIZE[0]),
    )
    shown = []
    for (width, height), x, y, reach in parts:
        scale = height / (2 * reach)
        matrix = np.array([[scale, 0, width / 2 - x * scale], [0, scale, height / 2 - y * scale]])
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        shown.append(
            cv2.warpAffine(
                picture, matrix, (width, height), flags=how, borderMode=cv2.BORDER_REPLICATE
            )
        )
    return np.vstack(shown)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--out", type=Path, default=Path("portraits.png"))
    options.add_argument("--checkpoint", default="compact")
    options.add_argument(
        "--renderer-only", action="store_true", help="without landmarks: no mouth in layers"
    )
    options.add_argument("--smile", type=float, default=Style().smile)
    options.add_argument("--strength", type=float, default=Style().strength)
    chosen = options.parse_args()
    engine = wav2lip.load(chosen.checkpoint)
    drive = moments(engine)
    style = Style(chosen.smile, chosen.strength)
    rows, figures = [], []
    print(f"{'portrait':<18}{'foreign colour':>15}{'identity':>10}")
    for name, portrait in portraits():
        face = _face(portrait)
        boxes, rolls = np.tile(face.box, (MOMENTS, 1)), np.full(MOMENTS, face.roll)
        points = face_landmarks(portrait, boxes[0], face.roll)
        mouth = None
        if not chosen.renderer_only:
            mouth = find_mouth(engine, portrait, boxes[0], face.roll)
        made = engine.render(
            [portrait] * MOMENTS, boxes, drive, rolls=rolls, mouths=[mouth] * MOMENTS, style=style
        )
        own = embedding(portrait, face.box, face.roll)
        foreign = np.mean([foreign_colour(portrait, points, each) for each in made])
        away = np.mean([np.linalg.norm(embedding(m, face.box, face.roll) - own) for m in made])
        figures.append((foreign, away))
        print(f"{name:<18}{foreign:>14.1%}{away:>10.3f}")
        rows.append(np.hstack([_shown(each, face, points) for each in [portrait, *made]]))
    foreign, away = np.mean(figures, 0)
    print(f"{'mean':<18}{foreign:>14.1%}{away:>10.3f}")
    half = len(rows) // 2
    write_picture(chosen.out, np.hstack([np.vstack(rows[:half]), np.vstack(rows[half:])]))


if __name__ == "__main__":
    main()
