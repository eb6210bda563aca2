"""From clips to a checkpoint that the engine loads; a killed run goes on as if nothing had been."""

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
from skimage import data

import checkpoints
from media.errors import NamedError
from wav2lip.compact import CompactEngine
from wav2lip.training import export, faces, train_renderer, train_voice

BOX = np.array([[180.0, 76, 272, 187]])


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough steps to go through everything once, too few to learn anything."""
    monkeypatch.setattr(train_voice, "BATCH", 4)
    monkeypatch.setattr(train_voice, "SCORING_STEPS", 3)
    monkeypatch.setattr(train_voice, "SAVE_EVERY", 2)
    monkeypatch.setattr(train_voice, "IN_SYNC", -1.0)
    monkeypatch.setattr(train_renderer, "WATCHED", 4)


RENDERER = train_renderer.Config(reader_steps=2, steps=5, critic_steps=5, batch=3, look_every=2)


def train_the_renderer(prepared: Path, clips: Path, run: Path, **config: Any) -> dict[str, Any]:
    small = replace(RENDERER, **config)
    return train_renderer.main(prepared, run, small, clips / "clips.csv")


def train_the_voice(prepared: Path, clips: Path, run: Path) -> dict[str, Any]:
    return train_voice.main(prepared, run, clips / "clips.csv", steps=5, nets=2)


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
    assert export.main(tmp_path / "voice", tmp_path / "renderer", path) < 12_000_000
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
    tuned = train_voice.main(prepared, tmp_path / "voice", steps=3, start=base)
    run = tmp_path / "renderer"
    few = replace(RENDERER, steps=2, critic_steps=2, start=str(base))
    train_renderer.main(prepared, run, few)
    path = tmp_path / "tuned.pt"
    export.main(tmp_path / "voice", run, path)
    assert len(tuned["nets"]) == len(known["voice"])
    assert torch.equal(tuned["unit"], known["unit"])
    assert CompactEngine.from_checkpoint(path).unit == pytest.approx(known["unit"].numpy())
    moved = (tuned["nets"][0]["head.weight"] - known["voice"][0]["head.weight"].float()).abs()
    assert 0 < moved.max() < 0.1


@pytest.mark.parametrize(("call", "average"), [(5, 0.0), (10, 0.9)])
def test_a_killed_renderer_run_ends_where_an_unbroken_one_does(
    prepared: Path,
    clips: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: int,
    average: float,
) -> None:
    unbroken, killed = tmp_path / "unbroken", tmp_path / "killed"
    expected = train_the_renderer(prepared, clips, unbroken, average=average)
    with interrupted(monkeypatch, faces, "draw", call), pytest.raises(KeyboardInterrupt):
        train_the_renderer(prepared, clips, killed, average=average)
    resumed = train_the_renderer(prepared, clips, killed, average=average)
    assert same(resumed["renderer"], expected["renderer"])
    for stage in train_renderer.STAGES:
        assert curves(killed / stage) == curves(unbroken / stage)


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
    look = train_renderer._look_at_renderer
    monkeypatch.setattr(
        train_renderer,
        "_look_at_renderer",
        lambda run, training: (next(errors), look(run, training)[1]),
    )
    train_the_renderer(prepared, clips, tmp_path, steps=9, look_every=1, patience=2, critic_steps=1)
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


def test_a_killed_voice_run_ends_where_an_unbroken_one_does(
    prepared: Path, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unbroken = train_the_voice(prepared, clips, tmp_path / "unbroken")
    with interrupted(monkeypatch, train_voice, "augmented", 11), pytest.raises(KeyboardInterrupt):
        train_the_voice(prepared, clips, tmp_path / "killed")
    resumed = train_the_voice(prepared, clips, tmp_path / "killed")
    assert all(same(a, b) for a, b in zip(resumed["nets"], unbroken["nets"], strict=True))


def test_a_run_is_not_continued_under_another_configuration(
    prepared: Path, clips: Path, tmp_path: Path
) -> None:
    train_the_voice(prepared, clips, tmp_path)
    with pytest.raises(ValueError, match="move it away"):
        train_voice.main(prepared, tmp_path, clips / "clips.csv", steps=5, nets=2, seed=7)


def test_runs_on_different_mouths_are_not_joined(tmp_path: Path) -> None:
    for name, unit in (("voice", 1.0), ("renderer", 2.0)):
        (tmp_path / name).mkdir()
        torch.save({"unit": torch.full((8,), unit)}, tmp_path / name / f"{name}.pt")
    with pytest.raises(ValueError, match="prepare them alike"):
        export.main(tmp_path / "voice", tmp_path / "renderer", tmp_path / "compact.pt")
