"""From clips to a checkpoint that the engine loads; a killed run goes on as if nothing had been."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from skimage import data

import checkpoints
from media.errors import NamedError
from wav2lip.compact.engine import CompactEngine
from wav2lip.training import av_offset, export, faces, sequences, train_renderer, train_voice
from wav2lip.training.config import RendererConfig, VoiceConfig
from wav2lip.training.loop import Training

BOX = np.array([[180.0, 76, 272, 187]])


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough steps to go through everything once, too few to learn anything."""
    monkeypatch.setattr(av_offset, "IN_SYNC", -1.0)  # a buzz is no speech
    monkeypatch.setattr(train_renderer, "VALIDATION_PAIRS", 4)


VOICE = VoiceConfig(steps=5, scoring_steps=3, batch=4, eval_interval=2)
RENDERER = RendererConfig(reader_steps=2, steps=5, critic_steps=5, batch=3, eval_interval=2)


def train_the_renderer(prepared: Path, clips: Path, run: Path, **config: Any) -> dict[str, Any]:
    small = replace(RENDERER, **config)
    return read(train_renderer.main(prepared, run, small, clips / "clips.csv"))


def train_the_voice(prepared: Path, clips: Path, run: Path, **config: Any) -> dict[str, Any]:
    small = replace(VOICE, **config)
    return read(train_voice.main(prepared, run, small, clips / "clips.csv"))


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def read(path: Path) -> dict[str, Any]:
    return torch.load(path, weights_only=True)


def curves(stage: Path) -> dict[str, Any]:
    return read(stage / "state.pt")["curves"]


@contextmanager
def interrupted(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str, call: int
) -> Iterator[None]:
    """Inside, a function fails at its n-th call, as if the process had been killed there."""
    original, calls = getattr(module, name), count(1)

    def counted(*arguments: Any, **named: Any) -> Any:
        if next(calls) == call:
            raise KeyboardInterrupt
        return original(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(module, name, counted)
        yield


def test_a_trained_model_is_exported_and_loaded(
    prepared: Path, clips: Path, tmp_path: Path
) -> None:
    train_the_voice(prepared, clips, tmp_path / "voice")
    train_the_renderer(prepared, clips, tmp_path / "renderer")
    path = tmp_path / "compact.pt"
    words = [str(each) for each in (tmp_path / "voice", tmp_path / "renderer", path)]
    answer = CliRunner().invoke(export.command, words)
    assert answer.exit_code == 0, answer.output
    assert path.stat().st_size < 12_000_000
    engine = CompactEngine.from_checkpoint(path)
    frame = data.astronaut()
    drive = engine.drive(np.zeros((80, 80), np.float32), 0, 1, Fraction(25))
    (result,) = engine.render([frame], BOX, drive)
    assert result.shape == frame.shape
    assert (result[:100] == frame[:100]).all()


def test_a_checkpoint_is_tuned_to_one_speaker(prepared: Path, tmp_path: Path) -> None:
    base = checkpoints.require("compact")
    known = torch.load(base, weights_only=True)
    # Without a table the one person there is, is learned from.
    few_voice = replace(VOICE, steps=3, start="compact")
    tuned = read(train_voice.main(prepared, tmp_path / "voice", few_voice))
    run = tmp_path / "renderer"
    few = replace(RENDERER, steps=2, critic_steps=2, start=str(base))
    train_renderer.main(prepared, run, few)
    path = tmp_path / "tuned.pt"
    export.main([tmp_path / "voice"], run, path)
    assert len(tuned["nets"]) == len(known["voice"])
    assert torch.equal(tuned["unit"], known["unit"])
    assert CompactEngine.from_checkpoint(path).unit == pytest.approx(known["unit"].numpy())
    moved = (tuned["nets"][0]["head.weight"] - known["voice"][0]["head.weight"].float()).abs()
    assert 0 < moved.max() < 0.1


@pytest.mark.parametrize(("call", "ema_decay"), [(5, 0.0), (10, 0.9)])
def test_a_killed_renderer_run_ends_where_an_unbroken_one_does(
    prepared: Path,
    clips: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: int,
    ema_decay: float,
) -> None:
    unbroken, killed = tmp_path / "unbroken", tmp_path / "killed"
    expected = train_the_renderer(prepared, clips, unbroken, ema_decay=ema_decay)
    with interrupted(monkeypatch, faces, "sample_pairs", call), pytest.raises(KeyboardInterrupt):
        train_the_renderer(prepared, clips, killed, ema_decay=ema_decay)
    resumed = train_the_renderer(prepared, clips, killed, ema_decay=ema_decay)
    assert same(resumed["renderer"], expected["renderer"])
    for stage in train_renderer.STAGES:
        assert curves(killed / stage) == curves(unbroken / stage)


def test_another_critic_is_tried_on_the_same_renderer(
    prepared: Path, clips: Path, tmp_path: Path
) -> None:
    few = {"reader_steps": 1, "steps": 1, "critic_steps": 2}
    first = train_the_renderer(prepared, clips, tmp_path, **few)
    with pytest.raises(NamedError, match=r"a run with critic_weight 0\.006"):
        train_the_renderer(prepared, clips, tmp_path, **few, critic_weight=9.0)
    shutil.move(tmp_path / "critic", tmp_path / "first")
    before = (tmp_path / "pairs" / "state.pt").stat().st_mtime_ns
    second = train_the_renderer(prepared, clips, tmp_path, **few, critic_weight=9.0)
    assert (tmp_path / "pairs" / "state.pt").stat().st_mtime_ns == before
    assert not same(first["renderer"], second["renderer"])


def test_the_renderers_report_shows_unseen_persons_at_every_stage(
    prepared: Path, clips: Path, tmp_path: Path
) -> None:
    train_the_renderer(prepared, clips, tmp_path, reader_steps=1, steps=2, critic_steps=1)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for stage in train_renderer.STAGES:
        assert f"<h2>{stage}</h2>" in page
    assert page.count("reference, drawn, real (unseen persons)</figcaption>") == 2
    assert page.count("what it reads (unseen persons)</figcaption>") == 1
    assert "dB over copying the reference" in page
    assert "refresh" not in page


def test_patience_ends_a_renderer_that_gets_no_better_and_takes_its_best(
    prepared: Path, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = iter([0.5, 0.25, 0.75, 0.75, 0.75, 0.75])
    validate = train_renderer._validate_renderer
    monkeypatch.setattr(
        train_renderer,
        "_validate_renderer",
        lambda run, training: (next(errors), validate(run, training)[1]),
    )
    train_the_renderer(
        prepared, clips, tmp_path, steps=9, eval_interval=1, patience=2, critic_steps=1
    )
    saved = read(tmp_path / "pairs" / "state.pt")
    assert (saved["step"], saved["best_step"], saved["best"]) == (4, 2, 0.25)
    best, last = read(tmp_path / "pairs" / "best.pt")["renderer"], saved["nets"]["renderer"]
    assert not same(best, last)
    # The critic's stage goes on from the best: one small step away from it.
    after = read(tmp_path / "renderer.pt")["renderer"]
    far, near = (
        max((after[key] - start[key]).abs().max().item() for key in after if "head" in key)
        for start in (last, best)
    )
    assert near < far


def test_patience_needs_somebody_held_out(prepared: Path, tmp_path: Path) -> None:
    with pytest.raises(NamedError) as error:
        train_renderer.main(prepared, tmp_path, replace(RENDERER, patience=1, everyone=True))
    assert error.value.code == "nobody-held-out"
    assert "--table" in error.value.remedy


@pytest.mark.parametrize("call", [2, 11])
def test_a_killed_voice_run_ends_where_an_unbroken_one_does(
    prepared: Path, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    unbroken, killed = tmp_path / "unbroken", tmp_path / "killed"
    expected = train_the_voice(prepared, clips, unbroken)
    with interrupted(monkeypatch, sequences, "augmented", call), pytest.raises(KeyboardInterrupt):
        train_the_voice(prepared, clips, killed)
    resumed = train_the_voice(prepared, clips, killed)
    assert all(same(a, b) for a, b in zip(resumed["nets"], expected["nets"], strict=True))
    for stage in ("scoring", "voice-0", "voice-1"):
        assert curves(killed / stage) == curves(unbroken / stage)
        assert len(curves(killed / stage)["voice"]) == (3 if stage == "scoring" else 5)


def test_the_voices_report_shows_what_is_said_beside_what_was_seen(
    prepared: Path, clips: Path, tmp_path: Path
) -> None:
    train_the_voice(prepared, clips, tmp_path, steps=2)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert [page.count(f"<h2>{stage}</h2>") for stage in ("scoring", "voice-0", "voice-1")] == [
        1
    ] * 3
    assert page.count("mouth opening of unseen persons: seen (grey) and said (blue)</figcap") == 3
    assert "correlation of the opening" in page
    assert "refresh" not in page


def test_a_curve_of_an_opening_rises_where_the_mouth_opens() -> None:
    seen = np.zeros((50, 8))
    seen[10:20, 0] = 1
    picture = train_voice._plotted(np.zeros((50, 8)), seen)
    grey = (picture == 150).all(2)
    top = np.argmax(grey[:, 4 * 15]), np.argmax(grey[:, 4 * 40])
    assert top[0] < top[1]


def test_patience_takes_the_best_voice_net(
    prepared: Path, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([0.5, 0.75])
    record = Training.record_validation
    monkeypatch.setattr(Training, "record_validation", lambda self, _: record(self, next(losses)))
    few = {"scoring_steps": 1, "steps": 9, "eval_interval": 1, "patience": 1, "nets": 1}
    monkeypatch.setattr(train_voice, "_in_sync", lambda *_: {"talk/first.mp4": 0})
    result = train_the_voice(prepared, clips, tmp_path, **few)
    assert read(tmp_path / "voice-0" / "state.pt")["step"] == 2
    assert same(result["nets"][0], read(tmp_path / "voice-0" / "best.pt")["voice"])


def test_a_run_is_not_continued_under_another_configuration(
    prepared: Path, clips: Path, tmp_path: Path
) -> None:
    train_the_voice(prepared, clips, tmp_path, steps=2)
    with pytest.raises(ValueError, match="move it away"):
        train_the_voice(prepared, clips, tmp_path, steps=2, seed=7)


def test_runs_on_different_mouths_are_not_joined(tmp_path: Path) -> None:
    for name, unit in (("voice", 1.0), ("renderer", 2.0)):
        (tmp_path / name).mkdir()
        torch.save({"unit": torch.full((8,), unit)}, tmp_path / name / f"{name}.pt")
    with pytest.raises(NamedError, match="mouths in different units") as error:
        export.main([tmp_path / "voice"], tmp_path / "renderer", tmp_path / "compact.pt")
    assert error.value.code == "checkpoint-unsuitable"


def test_only_what_was_trained_to_the_end_is_exported(tmp_path: Path) -> None:
    with pytest.raises(NamedError, match=r"voice\.pt is missing") as error:
        export.main([tmp_path], tmp_path, tmp_path / "compact.pt")
    assert error.value.code == "checkpoint-missing"
