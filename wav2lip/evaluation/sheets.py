"""A contact sheet and a player of a clip: what a person looks at."""

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
from wav2lip.evaluation.conditions import UNTITLED, conditions_of
from wav2lip.evaluation.footage import FPS, Face, Footage

# Pixels of a panel of the player: the square over the face box, and a margin on each side.
FACE, MARGIN = 192, 24
PANEL = FACE + 2 * MARGIN
THUMBNAIL = 160  # pixels of a face on the sheet
COLUMNS = 6
PLAYED = ("real", "still", "video")  # the player's panels, from left to right


@dataclass(frozen=True)
class ContactSheet:
    """Six frames in each condition: those in which the real mouth is from closed to widest open."""

    rows: dict[str, str]  # by condition: six faces as a JPEG in base64
    seconds: list[float]  # times of these frames in the clip's interval
    player: Path  # a video of the PLAYED conditions side by side, with the clip's own sound


def load_or_draw(
    clip: Footage,
    other_voice: np.ndarray,
    closed_mouth: np.ndarray,
    engine: Engine,
    player: Path,
) -> ContactSheet:
    """The contact sheet of a clip, read from the JSON beside `player`, or drawn and written there.

    `other_voice` and `closed_mouth` are as of `conditions.conditions_of`.
    """
    saved = player.with_suffix(".json")
    if not saved.exists():
        content = _draw(clip, other_voice, closed_mouth, engine, player)
        with replacing(saved) as unfinished:
            unfinished.write_text(json.dumps(content))
    return ContactSheet(**json.loads(saved.read_text()), player=player)


def _draw(
    clip: Footage,
    other_voice: np.ndarray,
    closed_mouth: np.ndarray,
    engine: Engine,
    player: Path,
) -> dict[str, object]:
    panels = {"real": [_panel(*each) for each in zip(clip.frames(), clip.faces, strict=True)]}
    for condition in conditions_of(clip, other_voice, closed_mouth, engine):
        if condition.name in UNTITLED:
            continue  # it shows a mouth that does not move
        panels[condition.name] = [_panel(frame, face) for frame, _, face in condition.frames()]
    opening = clip.mouth_lengths[:, mouth_shape.OPENING]
    ranked = np.argsort(opening, kind="stable")
    shown = ranked[np.linspace(0, len(ranked) - 1, COLUMNS).round().astype(int)].tolist()
    _write_player([panels[name] for name in PLAYED], clip, player)
    rows = {name: _jpeg([faces[n] for n in shown]) for name, faces in panels.items()}
    return {"rows": rows, "seconds": [n / FPS for n in shown]}


def _panel(frame: np.ndarray, face: Face) -> np.ndarray:
    """The upright face with its margin, RGB uint8 (PANEL, PANEL, 3)."""
    return crop.crop(frame, face.box, FACE, MARGIN, face.roll)


def _jpeg(faces: list[np.ndarray]) -> str:
    size = (THUMBNAIL, THUMBNAIL)
    small = [cv2.resize(face, size, interpolation=cv2.INTER_AREA) for face in faces]
    buffer = io.BytesIO()
    Image.fromarray(np.concatenate(small, axis=1)).save(buffer, "JPEG", quality=88)
    return b64encode(buffer.getvalue()).decode()


def _write_player(panels: list[list[np.ndarray]], clip: Footage, player: Path) -> None:
    with TemporaryDirectory(dir=player.parent) as folder:
        silent, sound = Path(folder) / "silent.mp4", Path(folder) / "voice.wav"
        with VideoWriter(silent, PANEL * len(panels), PANEL, Fraction(FPS)) as writer:
            for faces in zip(*panels, strict=True):
                writer.write(np.concatenate(faces, axis=1))
        with wave.open(str(sound), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE)
            levels = np.rint(clip.samples * 32767).clip(-32768, 32767).astype("<i2")
            file.writeframes(levels.tobytes())
        concatenate([silent], sound, player, Fraction(FPS), len(clip))
