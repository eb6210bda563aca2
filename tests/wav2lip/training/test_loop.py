"""The loop that trainings share, on a line fitted to points."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from media.errors import NamedError
from wav2lip.training import state
from wav2lip.training.batches import BatchSampler, TensorBatch
from wav2lip.training.config import ValidatedConfig, setting
from wav2lip.training.loop import Learner, Training, learning_rate_scale
from wav2lip.training.report import Report, Strip


@dataclass(frozen=True, kw_only=True)
class LineConfig(ValidatedConfig):
    steps: int = setting(12, "Steps.", min=1)
    eval_interval: int = setting(4, "Validate.", min=1)
    seed: int = setting(3, "Seed.", min=0)
    learning_rate: float = setting(0.05, "Learning rate.", min=0)


CONFIG = LineConfig()


@dataclass(frozen=True)
class Points(TensorBatch):
    x: Tensor


class PointSampler(BatchSampler[Points]):
    def sample(self, step: int, rng: np.random.Generator) -> Points:
        return Points(torch.from_numpy(rng.normal(size=(8, 1))).float())


def fit(
    run: Path,
    config: LineConfig = CONFIG,
    validate: Callable[[int, float], float] = lambda step, loss: loss,
    stop_at: int = -1,
    ema_decay: float = 0.0,
) -> Training:
    """Fit y = 2x with a noisy line; `validate` makes the validation loss of a step."""
    torch.manual_seed(0)
    line = nn.Sequential(nn.Linear(1, 1), nn.Dropout(0.1))
    learners = {"line": Learner(line, config.learning_rate, ema_decay=ema_decay)}
    training = Training(run, config, config.steps, learners, Report(run / "report.html", "A line"))
    for step, batch in training.steps(PointSampler(3)):
        if step == stop_at:
            raise KeyboardInterrupt
        loss = ((line(batch.x) - 2 * batch.x) ** 2).mean()
        training.optimizer_step(loss, "line")
        if training.is_eval_step(step):
            if training.record_validation(validate(step, loss.item())):
                training.save_best("line")
            training.update_report([Strip("nothing", [np.zeros((2, 2, 3), np.uint8)])])
    return training


def weights(training: Training) -> Tensor:
    return torch.cat([value.ravel() for value in training.nets["line"].state_dict().values()])


def test_the_loss_falls_along_a_curve_with_a_point_a_step(tmp_path: Path) -> None:
    training = fit(tmp_path, replace(CONFIG, steps=200, eval_interval=100))
    curve = training.curves["line"]
    assert [step for step, _ in curve] == list(range(1, 201))
    assert np.mean([loss for _, loss in curve[-20:]]) < curve[0][1] / 3


def test_the_page_is_there_before_the_first_validation(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path, stop_at=0)
    page = (tmp_path / "report.html").read_text()
    assert "step 1 of 12" in page
    assert "refresh" in page


def test_a_run_is_left_to_whoever_is_at_work_on_it(tmp_path: Path) -> None:
    lock = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX)"
    words = [sys.executable, "-c", f"{lock}; print('here', flush=True); input()"]
    with subprocess.Popen(
        [*words, str(tmp_path / ".lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"here\n"
        with pytest.raises(NamedError) as failure:
            fit(tmp_path)
        other.kill()
    assert failure.value.code == "already-running"
    assert fit(tmp_path).done


@pytest.mark.parametrize("stop_at", [0, 3, 4, 9])
def test_a_stopped_run_goes_on_as_if_nothing_had_been(tmp_path: Path, stop_at: int) -> None:
    unbroken = fit(tmp_path / "unbroken")
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "stopped", stop_at=stop_at)
    resumed = fit(tmp_path / "stopped")
    assert resumed.curves == unbroken.curves
    assert torch.equal(weights(resumed), weights(unbroken))


@pytest.mark.parametrize("stop_at", [3, 9])
def test_the_ema_of_a_stopped_run_goes_on_too(tmp_path: Path, stop_at: int) -> None:
    unbroken = fit(tmp_path / "unbroken", ema_decay=0.9)
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "stopped", stop_at=stop_at, ema_decay=0.9)
    resumed = fit(tmp_path / "stopped", ema_decay=0.9)
    for run in (unbroken, resumed):
        run.load_final("line")
    assert torch.equal(weights(resumed), weights(unbroken))


def test_the_ema_follows_the_network_smoothly(tmp_path: Path) -> None:
    config = replace(CONFIG, steps=60, eval_interval=1)
    plain, calm = fit(tmp_path / "plain", config), fit(tmp_path / "calm", config, ema_decay=0.9)
    # How the network learns is not changed by an EMA beside it.
    assert torch.equal(weights(plain), weights(calm))
    last = weights(calm)
    calm.load_final("line")
    assert not torch.equal(weights(calm), last)
    assert torch.allclose(weights(calm), last, atol=0.5)


def test_the_result_is_the_last_or_where_patience_chooses_the_best(tmp_path: Path) -> None:
    worse_after_four: Callable[[int, float], float] = lambda step, _: abs(step + 1 - 4)  # noqa: E731
    ended = fit(tmp_path / "ended", validate=worse_after_four)
    last = weights(ended)
    ended.load_final("line")
    assert torch.equal(weights(ended), last)

    config = replace(CONFIG, patience=1)
    chosen = fit(tmp_path / "chosen", config, worse_after_four)
    assert (chosen.best_step, chosen.step) == (4, 8)
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "early", config, worse_after_four, stop_at=4)
    saved = torch.load(tmp_path / "early" / "state.pt", weights_only=True)["nets"]["line"]
    chosen.load_final("line")
    assert torch.equal(weights(chosen), torch.cat([value.ravel() for value in saved.values()]))


def test_a_finished_run_is_not_run_again(tmp_path: Path) -> None:
    finished = fit(tmp_path)
    again = fit(tmp_path, stop_at=0)
    assert again.step == 12
    assert again.curves == finished.curves


def test_early_stopping_ends_a_run_that_gets_no_better(tmp_path: Path) -> None:
    config = replace(CONFIG, steps=100, patience=2)
    worse_after_eight: Callable[[int, float], float] = lambda step, _: abs(step + 1 - 8)  # noqa: E731
    stopped = fit(tmp_path, config, worse_after_eight)
    assert (stopped.step, stopped.best_step, stopped.best) == (16, 8, 0)
    # And it stays stopped.
    assert fit(tmp_path, config, worse_after_eight, stop_at=16).step == 16


def test_a_run_is_not_continued_under_another_configuration(tmp_path: Path) -> None:
    fit(tmp_path)
    with pytest.raises(state.OtherRun, match="a run with seed 3") as error:
        fit(tmp_path, replace(CONFIG, seed=4))
    assert "move it away" in error.value.remedy


def test_the_rate_warms_up_and_falls_to_nothing(tmp_path: Path) -> None:
    training = fit(tmp_path)
    (group,) = training.optimizers["line"].param_groups
    assert 0 < group["lr"] < 0.05 * 0.12


def test_the_learning_rate_is_highest_after_the_warm_up() -> None:
    scales = [learning_rate_scale(step, 1000) for step in range(1001)]
    assert scales[0] == pytest.approx(0.01, rel=1e-3)
    assert max(scales) == scales[99] > 0.97
    assert scales[500] == pytest.approx(0.5)
    assert scales[-1] == 0


def test_runs_of_earlier_versions_go_on(tmp_path: Path) -> None:
    """They called some fields by other names, and did not know all that there are now."""
    unbroken = fit(tmp_path / "unbroken")
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "stopped", stop_at=9)
    path = tmp_path / "stopped" / "state.pt"
    saved = torch.load(path, weights_only=True)
    known: dict[str, Any] = {"steps": 12, "seed": 3, "look_every": 4, "patience": 0, "start": None}
    torch.save(saved | {"config": known}, path)
    with pytest.raises(state.OtherRun, match=r"a run with learning_rate 0\.05"):
        fit(tmp_path / "stopped", replace(CONFIG, learning_rate=0.04))
    assert fit(tmp_path / "stopped").curves == unbroken.curves


def test_a_checkpoint_is_in_the_layout_of_wav2lip(tmp_path: Path) -> None:
    training = fit(tmp_path)
    training.step = 11  # as within the last step
    checkpoint = training.checkpoint("line", "wav2lip")
    assert checkpoint.keys() >= {"state_dict", "optimizer", "global_step", "global_epoch"}
    assert checkpoint["global_step"] == 12
    assert checkpoint["config"] == asdict(CONFIG)
    assert checkpoint["state_dict"].keys() == {"0.weight", "0.bias"}


def test_the_report_says_where_the_run_is(tmp_path: Path) -> None:
    fit(tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "step 12 of 12, best validation" in page
    assert "refresh" not in page
