"""A reel: the players of an evaluation joined to one video, labelled, checkpoints side by side.

MoviePy draws the labels, arranges the panels and joins the scenes, and the ffmpeg that comes in the
wheel of imageio-ffmpeg encodes them. Frames are read by `media.video`: MoviePy would start two
processes for every player, all at once.
"""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from media.errors import NamedError
from media.probe import probe
from media.sound import read_sound
from media.video import read_frames
from wav2lip.evaluation.conditions import CONDITIONS
from wav2lip.evaluation.evaluate import Evaluation
from wav2lip.evaluation.footage import FPS
from wav2lip.evaluation.sheets import PANEL, PLAYED

if TYPE_CHECKING:
    from moviepy import TextClip, VideoClip

TITLE_HEIGHT, LABEL_HEIGHT, FONT_SIZE = 32, 48, 16  # pixels
MAX_PERSON, MAX_CHECKPOINT = 40, 26  # characters that fit
BLACK = (0, 0, 0)
AUDIO_RATE = 44100


def write(path: Path, mine: Evaluation, against: Evaluation | None = None) -> None:
    """Write the reel of an evaluation to `path` (MP4, H.264 and AAC, 25 frames a second).

    There is a scene for each person with a contact sheet: the real video, then of each checkpoint
    the still and the video, all with the own voice, which is heard. Nothing is written if there is
    no sheet. Raises NamedError `reel-failed` if it cannot be encoded.
    """
    if not mine.sheets:
        return
    try:
        from moviepy import concatenate_videoclips

        scenes = list(_scenes(mine, against))
        with TemporaryDirectory(dir=path.parent) as folder:
            unfinished = Path(folder) / path.name
            concatenate_videoclips(scenes, method="compose").write_videofile(
                str(unfinished),
                fps=FPS,
                codec="libx264",
                preset="veryfast",
                pixel_format="yuv420p",
                ffmpeg_params=["-crf", "18", "-movflags", "+faststart"],
                audio_codec="aac",
                audio_fps=AUDIO_RATE,
                temp_audiofile_path=folder,
                logger=None,
            )
            unfinished.replace(path)
    except (OSError, RuntimeError) as error:  # of MoviePy: ffmpeg failed, or there is none
        raise _reel_failed(path, error) from error


def _scenes(mine: Evaluation, against: Evaluation | None) -> Iterator["VideoClip"]:
    for number, (person, sheet) in enumerate(mine.sheets.items(), start=1):
        name = _shortened(person, MAX_PERSON)
        title = f"{number} of {len(mine.sheets)}: {name} (all but the real video is synthetic)"
        labels = [CONDITIONS["real"], *_labels(mine)]
        players = [sheet.player]
        if against is not None and person in against.sheets:
            labels += _labels(against)
            players.append(against.sheets[person].player)
        yield _scene(title, labels, players)


def _scene(title: str, labels: list[str], players: list[Path]) -> "VideoClip":
    """The first player, then the others without the real video, labelled; the first's sound."""
    from moviepy import AudioArrayClip, CompositeVideoClip, VideoClip

    frames = _SideBySide(players)
    panels = VideoClip(frames.at, duration=frames.count / FPS)
    texts = [_text(title, panels.w, TITLE_HEIGHT)]
    for column, label in enumerate(labels):
        text = _text(label, PANEL, LABEL_HEIGHT)
        texts.append(text.with_position((column * PANEL, TITLE_HEIGHT)))
    size = panels.w, TITLE_HEIGHT + LABEL_HEIGHT
    header = CompositeVideoClip(texts, size, BLACK).to_ImageClip(duration=panels.duration)
    scene = CompositeVideoClip(
        [header, panels.with_position((0, header.h))], (panels.w, header.h + panels.h), BLACK
    )
    sound = np.repeat(read_sound(players[0], AUDIO_RATE)[:, None], 2, axis=1)
    return scene.with_audio(AudioArrayClip(sound, fps=AUDIO_RATE))


class _SideBySide:
    """The frames of players side by side, as MoviePy asks for them: by time, mostly in order."""

    def __init__(self, players: list[Path]) -> None:
        self.count = probe(players[0]).frames or 0
        self._players = players
        self._frames = enumerate(self._read())
        self._index, self._frame = next(self._frames)

    def at(self, seconds: float) -> np.ndarray:
        """The frame that is shown at a time, RGB uint8; after the end the last one."""
        index = min(round(seconds * FPS), self.count - 1)
        if index < self._index:  # from the beginning again
            self._frames = enumerate(self._read())
            self._index, self._frame = next(self._frames)
        while self._index < index:
            self._index, self._frame = next(self._frames)
        return self._frame

    def _read(self) -> Iterator[np.ndarray]:
        for first, *others in zip(*map(read_frames, self._players), strict=True):
            yield np.concatenate([first, *(each[:, PANEL:] for each in others)], axis=1)


def _text(text: str, width: int, height: int) -> "TextClip":
    """White letters on black, centred, in the font that comes with Pillow."""
    from moviepy import TextClip

    return TextClip(
        text=text,
        font_size=FONT_SIZE,
        size=(width, height),
        method="caption",
        text_align="center",
        color="white",
        bg_color="black",
        transparent=False,
        duration=1,
    )


def _labels(evaluation: Evaluation) -> list[str]:
    """Over the panels of a checkpoint, all but the real video."""
    name = _shortened(evaluation.checkpoint, MAX_CHECKPOINT)
    return [f"{name}\n{CONDITIONS[condition]}" for condition in PLAYED[1:]]


def _shortened(name: str, length: int) -> str:
    """The end of a name, which in a path tells the most."""
    return name if len(name) <= length else f"...{name[3 - length :]}"


def _reel_failed(path: Path, error: Exception) -> NamedError:
    said = str(error).strip().splitlines() or [type(error).__name__]
    return NamedError(
        "reel-failed",
        f"The reel {path} could not be encoded: {said[-1]}",
        "See that there is room on the disk, and run the same command again: all else is kept.",
    )
