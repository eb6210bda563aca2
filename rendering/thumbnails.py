"""Thumbnails of the face picker: a picture with all persons, portraits, previews of the video."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from face_detection.detection import Box
from face_detection.persons import Person
from media.pictures import write_picture
from rendering.spec import Source

PICTURE_SIDE = 1280
PORTRAIT_SIDE = 256
PORTRAIT_MARGIN = 0.3  # of the face's height, on each side
MOST_PREVIEWS = 48
PREVIEW_SIDE = 640


def picture_frame(persons: Sequence[Person]) -> int:
    """The number of the frame that shows most of them; of several, one that shows one best."""
    count = np.bincount(np.concatenate([person.frames for person in persons]))
    fullest = np.flatnonzero(count == count.max()).tolist()
    best = [person.best_frame for person in persons if person.best_frame in fullest]
    return int(best[0] if best else fullest[0])


def shown_in(person: Person, picture: int) -> int:
    """The frame in which to show a person: the picture, or else the best of their own."""
    return picture if picture in person.frames else person.best_frame


def write_pictures(source: Source, persons: Sequence[Person], folder: Path) -> int:
    """Write picture.jpg and person-1.jpg, ... to `folder`; the number of the picture's frame."""
    number = picture_frame(persons)
    picture = _frame(source, number)
    write_picture(folder / "picture.jpg", _fitted(picture, PICTURE_SIDE))
    for person, portrait in portraits(source, persons):
        write_picture(folder / f"person-{person.id}.jpg", portrait)
    return number


def portraits(source: Source, persons: Sequence[Person]) -> Iterator[tuple[Person, np.ndarray]]:
    """Each person with a square picture of their face at its best, RGB uint8, in order of time."""
    numbers = sorted({person.best_frame for person in persons})
    for number, frame in zip(numbers, source.read(numbers), strict=True):
        for person in persons:
            if person.best_frame == number:
                yield person, _portrait(frame, box_in(person, number))


def preview_frames(source: Source, frames: int) -> list[int]:
    """The numbers of the previews, evenly from the first to the last of `frames`.

    Empty where one box holds for all frames.
    """
    if source.is_fixed:
        return []
    count = min(frames, MOST_PREVIEWS)
    return [place * (frames - 1) // max(1, count - 1) for place in range(count)]


def write_previews(frames: Iterable[np.ndarray], folder: Path) -> list[str]:
    """Write 00.jpg, 01.jpg, ... to `folder`; their names."""
    names = []
    for number, frame in enumerate(frames):
        names.append(f"{number:02d}.jpg")
        write_picture(folder / names[-1], _fitted(frame, PREVIEW_SIDE), quality=80)
    return names


def boxes_at(persons: Sequence[Person], frame: int) -> list[dict[str, Any]]:
    """The persons in a frame and their boxes, to a tenth of a pixel."""
    return [
        {"person": person.id, "box": [round(side, 1) for side in box]}
        for person in persons
        if (box := person.box_at(frame)) is not None
    ]


def box_in(person: Person, frame: int) -> Box:
    """The unsmoothed box of a person in a frame. Raises ValueError where there is none."""
    box = person.box_at(frame, smooth=False)
    if box is None:
        raise ValueError(f"person {person.id} is not in frame {frame}")
    return box


def _frame(source: Source, number: int) -> np.ndarray:
    return next(iter(source.read([number])))


def _portrait(frame: np.ndarray, box: Box) -> np.ndarray:
    """A square around the face, as large as the picture allows."""
    x1, y1, x2, y2 = box
    half = (0.5 + PORTRAIT_MARGIN) * max(x2 - x1, y2 - y1)
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    height, width = frame.shape[:2]
    rows = slice(max(0, int(y - half)), max(1, min(height, int(y + half) + 1)))
    columns = slice(max(0, int(x - half)), max(1, min(width, int(x + half) + 1)))
    return _fitted(frame[rows, columns], PORTRAIT_SIDE)


def _fitted(frame: np.ndarray, side: int) -> np.ndarray:
    image = Image.fromarray(frame)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return np.array(image)
