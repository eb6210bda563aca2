"""A sync expert: what it minimises, and that a killed run ends where an unbroken one does."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

import cli
from wav2lip import expert
from wav2lip.training import train_expert, windows
from wav2lip.training.config import ExpertConfig
from wav2lip.training.train_expert import Batch, ExpertSampler

ROOT = Path(cli.__file__).parent
SMALL = ("--steps", "6", "--clips", "2", "--eval-interval", "2")

# A process that the kernel ends without a word when it draws the batch of step 4.
KILLED = """
import os, signal, sys
from wav2lip.training.train_expert import ExpertSampler
sample = ExpertSampler.sample
def fatal(self, step, rng):
    if step == 4 and self.augment:
        os.kill(os.getpid(), signal.SIGKILL)
    return sample(self, step, rng)
ExpertSampler.sample = fatal
import cli
cli.main(sys.argv[1:])
"""


def start(*command: str, words: Sequence[Any]) -> int:
    """Run a process of its own on one core, as a user does; returns how it ended."""
    environment = {"PATH": "", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *command, *map(str, words)], cwd=ROOT, env=environment, check=False
    ).returncode


def read(path: Path) -> dict[str, Any]:
    return torch.load(path, weights_only=True)


def batch_of(clip: list[int], person: list[int]) -> Batch:
    nothing = torch.zeros(len(clip))
    return Batch(nothing, nothing, nothing, torch.tensor(clip), torch.tensor(person))


def test_the_loss_is_least_where_mouths_meet_their_own_sound_alone() -> None:
    batch = batch_of([0, 0, 1, 1], [0, 0, 0, 0])
    right, wrong = torch.eye(4), 1 - torch.eye(4)
    assert train_expert.sync_loss(right, batch) < 1e-3
    assert train_expert.sync_loss(wrong, batch) > 10
    # At even chances it is that of a coin.
    assert train_expert.sync_loss(torch.full((4, 4), 0.5), batch) == pytest.approx(0.6931, abs=1e-3)


def test_other_clips_count_for_nothing_in_the_loss_of_the_paper() -> None:
    batch = batch_of([0, 0, 1, 1], [0, 0, 1, 1])
    cosines = torch.full((4, 4), 0.5)
    mixed = cosines.clone()
    mixed[:2, 2:] = 0.99
    assert train_expert.sync_loss(mixed, batch) == train_expert.sync_loss(cosines, batch)


def test_who_speaks_does_not_help_to_choose_the_sound() -> None:
    alike = torch.full((4, 4), 0.5)
    one, two = batch_of([0, 0, 1, 1], [0, 0, 0, 0]), batch_of([0, 0, 1, 1], [0, 0, 1, 1])
    chance = [train_expert.contrastive_loss(alike, batch, 0.07).item() for batch in (one, two)]
    assert chance == pytest.approx([1.386, 0.693], abs=1e-3)


def test_unknown_mouth_shapes_give_no_hint() -> None:
    told = torch.ones(2, 40, requires_grad=True)
    unknown, known = torch.full((2, 40), torch.nan), torch.zeros(2, 40)
    nothing = torch.zeros(2)
    silent, clear = (
        train_expert.mouth_shape_loss(told, Batch(nothing, nothing, shapes, nothing, nothing))
        for shapes in (unknown, known)
    )
    assert silent.item() == 0
    assert clear.item() == pytest.approx(0.5)


def test_a_batch_holds_windows_of_clips_apart(layout: Path) -> None:
    learned, _ = windows.load(layout)
    batch = ExpertSampler(0, learned, ExpertConfig(clips=2, windows=4))[0]
    assert batch.faces.shape == (8, 15, 48, 96)
    assert batch.mel.shape == (8, 1, 80, 16)
    assert 0 <= batch.faces.min() < batch.faces.max() <= 1
    assert batch.clip.tolist() == [0] * 4 + [1] * 4
    assert batch.person.tolist() == [0] * 8


def test_validation_is_not_augmented_and_learning_sees_every_window_otherwise(layout: Path) -> None:
    learned, _ = windows.load(layout)
    augmented, plain = (
        ExpertSampler(0, learned, ExpertConfig(clips=2), augment=augment)
        for augment in (True, False)
    )
    assert torch.equal(plain[1].faces, plain[1].faces)
    assert torch.equal(augmented[1].mel, augmented[1].mel)
    assert not torch.equal(augmented[1].faces, plain[1].faces)
    assert not torch.equal(augmented[1].faces, augmented[2].faces)


@pytest.mark.slow
def test_a_killed_run_has_the_loss_curve_of_an_unbroken_one(layout: Path, tmp_path: Path) -> None:
    unbroken, killed = tmp_path / "unbroken", tmp_path / "killed"
    assert start("-m", "cli", words=["train", "expert", layout, unbroken, *SMALL]) == 0
    assert start("-c", KILLED, words=["train", "expert", layout, killed, *SMALL]) == -9
    assert read(killed / "state.pt")["step"] == 4
    assert start("-m", "cli", words=["train", "expert", layout, killed, *SMALL]) == 0

    one, two = read(unbroken / "state.pt"), read(killed / "state.pt")
    assert len(one["curves"]["expert"]) == 6
    assert two["curves"] == one["curves"]
    for name, value in one["nets"]["expert"].items():
        assert torch.equal(two["nets"]["expert"][name], value), name


def train(layout: Path, run: Path, **config: Any) -> Path:
    small = ExpertConfig(**{"steps": 3, "clips": 2, "eval_interval": 3} | config)
    return train_expert.main(layout, run, small)


def test_the_command_trains_an_expert_that_loads(layout: Path, tmp_path: Path) -> None:
    words = ["train", "expert", str(layout), str(tmp_path / "run"), *SMALL]
    answer = CliRunner().invoke(cli.main, words)
    assert answer.exit_code == 0, answer.output
    assert answer.stdout.splitlines()[-1] == str(tmp_path / "run" / "expert.pt")
    assert isinstance(expert.load(tmp_path / "run" / "expert.pt"), expert.LightSyncNet)
    content = read(tmp_path / "run" / "expert.pt")
    assert content["architecture"] == "syncnet"
    assert content["config"] == asdict(ExpertConfig(steps=6, clips=2, eval_interval=2))
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "own sound closer than a shifted one" in page


def test_the_papers_expert_is_trained_alike(layout: Path, tmp_path: Path) -> None:
    path = train(layout, tmp_path, network="paper", steps=1, contrast=0, windows=2)
    assert isinstance(expert.load(path), expert.SyncNet)


def test_mouth_shapes_are_used_where_they_are_known(
    prepared: Path, clips: Path, tmp_path: Path
) -> None:
    small = ExpertConfig(steps=2, clips=2, eval_interval=2)
    train_expert.main(prepared, tmp_path, small, clips / "clips.csv")
    hints = read(tmp_path / "state.pt")["optimisers"]["hints"]["state"]
    assert hints, "the heads that tell mouth shapes were trained"


def test_it_goes_on_from_other_weights(layout: Path, tmp_path: Path) -> None:
    first = train(layout, tmp_path / "first")
    tuned = train(layout, tmp_path / "tuned", start=str(first), learning_rate=1e-12)
    one, two = (read(path)["state_dict"] for path in (first, tuned))
    for name in one:
        if name.endswith("0.weight"):
            assert torch.allclose(one[name], two[name], atol=1e-6), name


def test_the_ema_of_the_weights_is_kept(layout: Path, tmp_path: Path) -> None:
    kept = read(train(layout, tmp_path))["state_dict"]
    ended = read(tmp_path / "state.pt")
    assert all(torch.equal(kept[name], value) for name, value in ended["means"]["expert"].items())
    moved = [not torch.equal(kept[name], value) for name, value in ended["nets"]["expert"].items()]
    assert any(moved)


def test_processes_draw_the_same_batches(layout: Path, tmp_path: Path) -> None:
    alone, helped = tmp_path / "alone", tmp_path / "helped"
    assert start("-m", "cli", words=["train", "expert", layout, alone, *SMALL]) == 0
    words = ["train", "expert", layout, helped, *SMALL, "--workers", "1"]
    assert start("-m", "cli", words=words) == 0
    one, two = (read(run / "expert.pt")["state_dict"] for run in (alone, helped))
    assert all(torch.equal(one[name], two[name]) for name in one)
