"""A reel of real players: what is where, what is heard, and what happens without an ffmpeg."""

import subprocess
import sys
import wave
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from media.assemble import concatenate
from media.errors import NamedError
from media.probe import probe
from media.sound import read_sound
from media.video import read_frames
from media.video_writer import VideoWriter
from wav2lip.evaluation import reel
from wav2lip.evaluation.evaluate import Evaluation
from wav2lip.evaluation.footage import FPS
from wav2lip.evaluation.sheets import PANEL, ContactSheet

FRAMES = 13
HEADER = reel.TITLE_HEIGHT + reel.LABEL_HEIGHT
SOUND_FROM = 0.2  # seconds


def write_player(path: Path, greys: tuple[int, int, int], frames: int = FRAMES) -> Path:
    """Three grey panels, each a level brighter in every frame, with a tone after a silence."""
    silent, sound = path.with_suffix(".silent.mp4"), path.with_suffix(".wav")
    with VideoWriter(silent, 3 * PANEL, PANEL, Fraction(FPS)) as writer:
        for number in range(frames):
            row = np.repeat(np.array(greys, np.uint8) + 4 * number, PANEL)
            writer.write(np.broadcast_to(row[:, None], (PANEL, 3 * PANEL, 3)).astype(np.uint8))
    seconds = np.arange(round(frames / FPS * 16000)) / 16000
    tone = 0.5 * np.sin(2 * np.pi * 440 * seconds) * (seconds >= SOUND_FROM)
    with wave.open(str(sound), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes((tone * 32767).astype("<i2").tobytes())
    concatenate([silent], sound, path, Fraction(FPS), frames)
    return path


def evaluation(checkpoint: str, players: dict[str, Path]) -> Evaluation:
    sheets = {person: ContactSheet({}, [], path) for person, path in players.items()}
    return Evaluation(checkpoint, [], dict.fromkeys(players, 1), [], {}, sheets, {})


@pytest.fixture(scope="module")
def players(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("players")
    return [
        write_player(folder / "anna.mp4", (40, 60, 80)),
        write_player(folder / "anna-other.mp4", (40, 100, 120)),
        write_player(folder / "berta.mp4", (130, 150, 170), frames=5),
        write_player(folder / "berta-other.mp4", (130, 20, 10), frames=5),
    ]


@pytest.fixture(scope="module")
def film(players: list[Path]) -> Path:
    """The reel of two persons and two checkpoints."""
    path = players[0].with_name("reel.mp4")
    mine = evaluation("compact", {"anna": players[0], "berta": players[2]})
    reel.write(
        path,
        mine,
        evaluation("runs/b/generator.pt", dict(zip(["anna", "berta"], players[1::2], strict=True))),
    )
    return path


def test_checkpoints_are_side_by_side_and_persons_one_after_the_other(film: Path) -> None:
    info = probe(film)
    assert (info.width, info.height) == (5 * PANEL, HEADER + PANEL)
    assert (info.fps, info.frames) == (FPS, FRAMES + 5)
    middles = np.array(
        [frame[HEADER + 100, PANEL // 2 :: PANEL, 1].tolist() for frame in read_frames(film)], int
    )
    anna, berta = np.array([40, 60, 80, 100, 120]), np.array([130, 150, 170, 20, 10])
    brighter = 4 * np.arange(FRAMES)[:, None]
    assert np.abs(middles[:FRAMES] - anna - brighter).max() <= 3
    assert np.abs(middles[FRAMES:] - berta - brighter[:5]).max() <= 3


def test_every_panel_has_a_label_of_its_own(film: Path) -> None:
    frames = list(read_frames(film))
    above = [
        frames[0][reel.TITLE_HEIGHT : HEADER, start : start + PANEL].astype(int)
        for start in range(0, 5 * PANEL, PANEL)
    ]
    assert all((label > 200).sum() > 100 for label in above)
    for number, label in enumerate(above):
        assert all(np.abs(label - other).max() > 100 for other in above[:number])
    title, later = (frame[: reel.TITLE_HEIGHT].astype(int) for frame in (frames[0], frames[-1]))
    assert np.abs(title - later).max() > 100  # another person


def test_the_sound_stays_with_the_frames(film: Path) -> None:
    samples = read_sound(film, 16000)
    for start, seconds in ((0.0, FRAMES / FPS), (FRAMES / FPS, 5 / FPS)):
        first = round(start * 16000)
        part = np.abs(samples[first : first + round(seconds * 16000)])
        # Of the tone before it the coder leaves some milliseconds.
        assert part[round(0.02 * 16000) : round(0.15 * 16000)].max() < 0.05
        if seconds > SOUND_FROM:
            assert part[round(0.25 * 16000) :].max() > 0.4


def test_one_checkpoint_has_three_panels(players: list[Path], tmp_path: Path) -> None:
    reel.write(tmp_path / "reel.mp4", evaluation("compact", {"anna": players[0]}))
    info = probe(tmp_path / "reel.mp4")
    assert (info.width, info.frames) == (3 * PANEL, FRAMES)
    assert [path.name for path in tmp_path.iterdir()] == ["reel.mp4"]


def test_without_sheets_there_is_no_reel(tmp_path: Path) -> None:
    reel.write(tmp_path / "reel.mp4", evaluation("compact", {}))
    assert not list(tmp_path.iterdir())


def test_a_long_name_keeps_its_end() -> None:
    assert (
        reel._shortened("runs/2026/with-a-critic/generator.pt", 26) == "...h-a-critic/generator.pt"
    )
    assert reel._shortened("compact", 26) == "compact"


def test_what_ffmpeg_says_is_told_and_the_old_reel_stays(
    players: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import moviepy.video.io.ffmpeg_writer as writer

    broken = tmp_path / "ffmpeg"
    broken.write_text("#!/bin/sh\nexec >&2; echo No space left on device; exit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(writer, "FFMPEG_BINARY", str(broken))
    (tmp_path / "reel.mp4").write_bytes(b"old")
    with pytest.raises(NamedError) as failure:
        reel.write(tmp_path / "reel.mp4", evaluation("compact", {"anna": players[0]}))
    assert failure.value.code == "reel-failed"
    assert (tmp_path / "reel.mp4").read_bytes() == b"old"


def test_the_ffmpeg_is_the_one_in_the_locked_wheel() -> None:
    told = subprocess.run(
        [sys.executable, "-c", "import moviepy.config; print(moviepy.config.FFMPEG_BINARY)"],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/nonexistent"},
    )
    binary = Path(told.stdout.strip())
    assert binary.is_file()
    assert "imageio_ffmpeg" in binary.parts


def test_nothing_loads_moviepy_before_a_reel_is_written() -> None:
    program = (
        "import sys, wav2lip.evaluation.reel, wav2lip.evaluation.report, commands.evaluate; "
        "print('moviepy' in sys.modules)"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == "False"
