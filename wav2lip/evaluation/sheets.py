"""What it looks like: a contact sheet and a small player of a clip, for eyes to judge."""

import io
import json
import wave
from base64 import b64encode
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from PIL import Image

from media.assemble import concatenate
from media.atomic import replacing
from media.video_writer import VideoWriter
from wav2lip.audio import SAMPLE_RATE
from wav2lip.compact import crop, mouth_shape
from wav2lip.engine import Engine
from wav2lip.evaluation.conditions import takes_of
from wav2lip.evaluation.footage import FPS, Face, Footage

FACE, MARGIN = 192, 24  # pixels of the player: the face box, and room around it
SHOWN = 160  # pixels of a face on the sheet
COLUMNS = 6
PLAYED = ("real", "still", "video")


@dataclass(frozen=True)
class Sheet:
    """The same six instants of each take, mouths of the real clip from closed to widest open."""

    rows: dict[str, str]  # a JPEG of six faces, in base64, by take
    seconds: list[float]  # when those are, in the clip's stretch
    player: Path  # a video of the real clip, its still and itself speaking, with the true voice


def drawn(
    clip: Footage, other: np.ndarray, rest: np.ndarray, engine: Engine, player: Path
) -> Sheet:
    """The sheet of a clip, drawn at most once: it is kept beside `player`."""
    kept = player.with_suffix(".json")
    if not kept.exists():
        content = _draw(clip, other, rest, engine, player)
        with replacing(kept) as unfinished:
            unfinished.write_text(json.dumps(content))
    return Sheet(**json.loads(kept.read_text()), player=player)


def _draw(
    clip: Footage, other: np.ndarray, rest: np.ndarray, engine: Engine, player: Path
) -> dict[str, object]:
    shown = {"real": [_shown(*each) for each in zip(clip.frames(), clip.faces, strict=True)]}
    for take in takes_of(clip, other, rest, engine):
        if take.name == "pause":
            continue  # nothing happens in it
        shown[take.name] = [_shown(result, face) for result, _, face in take.frames()]
    opening = clip.raw[:, mouth_shape.OPENING]
    ranked = np.argsort(opening, kind="stable")
    instants = ranked[np.linspace(0, len(ranked) - 1, COLUMNS).round().astype(int)].tolist()
    _play([shown[name] for name in PLAYED], clip, player)
    rows = {name: _jpeg([faces[n] for n in instants]) for name, faces in shown.items()}
    return {"rows": rows, "seconds": [n / FPS for n in instants]}


def _shown(frame: np.ndarray, face: Face) -> np.ndarray:
    return crop.crop(frame, face.box, FACE, MARGIN, face.roll)


def _jpeg(faces: list[np.ndarray]) -> str:
    small = [cv2.resize(face, (SHOWN, SHOWN), interpolation=cv2.INTER_AREA) for face in faces]
    buffer = io.BytesIO()
    Image.fromarray(np.concatenate(small, axis=1)).save(buffer, "JPEG", quality=88)
    return b64encode(buffer.getvalue()).decode()


def _play(panels: list[list[np.ndarray]], clip: Footage, player: Path) -> None:
    with TemporaryDirectory(dir=player.parent) as folder:
        silent, sound = Path(folder) / "silent.mp4", Path(folder) / "voice.wav"
        side = FACE + 2 * MARGIN
        with VideoWriter(silent, side * len(panels), side, Fraction(FPS)) as writer:
            for faces in zip(*panels, strict=True):
                writer.write(np.concatenate(faces, axis=1))
        with wave.open(str(sound), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE)
            levels = np.rint(clip.samples * 32767).clip(-32768, 32767).astype("<i2")
            file.writeframes(levels.tobytes())
        concatenate([silent], sound, player, Fraction(FPS), len(clip))
