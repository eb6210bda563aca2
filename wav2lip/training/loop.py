"""The loop that trainings share: steps, learning rates, EMA, validation, checkpoints, report.

A training says what a step is:

    for step, batch in training.steps(sampler):
        training.optimizer_step(loss, "generator")
        if training.is_eval_step(step):
            if training.record_validation(validation_loss):
                training.save_best("generator")
            training.update_report(strips)

Everything that decides how a run goes on is in RUN/state.pt: networks, their EMAs, optimizers,
step, curves, the best result. A training of several stages has a folder for each, and one report
of all (stages). Random numbers come from the seed and the step alone (batches). So a killed run
that is started again ends where an unbroken one would have ended.
"""

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from math import cos, pi
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from wav2lip import inference
from wav2lip.training import state
from wav2lip.training.batches import B, BatchSampler, batches, seed_torch
from wav2lip.training.config import RunConfig, ValidatedConfig
from wav2lip.training.report import Report, Section, Strip

WARMUP_STEPS = 100


@dataclass(frozen=True)
class Learner:
    """A network and how it is optimized: AdamW (Loshchilov and Hutter, ICLR 2019).

    With an `ema_decay` in 0..1 an exponential moving average (EMA) of the weights is kept (Polyak
    and Juditsky, 1992): 0.999 averages over the last thousand steps or so. After the first step
    `ema_start` tenths of it are the initial weights.
    """

    network: nn.Module
    learning_rate: float  # the peak of the schedule
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.99)
    ema_decay: float = 0.0
    ema_start: int = 1

    def optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(
            self.network.parameters(),
            self.learning_rate,
            self.betas,
            weight_decay=self.weight_decay,
        )

    def ema_decay_at(self, step: int) -> float:
        """Less at first, or the beginning would count most."""
        return min(self.ema_decay, (step + self.ema_start) / (step + 10))


class Training:
    """Networks that are trained, the step they are at, and how it went so far."""

    def __init__(
        self,
        run: Path,
        config: RunConfig,
        steps: int,
        learners: Mapping[str, Learner],
        report: Report,
        described: Mapping[str, Any] | None = None,
    ) -> None:
        """Resume the run in the folder `run`, or begin it.

        It is validated, saved and shown in the `report`, in a section of the name of the folder, as
        often as `config` says. `described`, by default all of `config`, tells runs apart: only a
        run of the same description is continued. Raises NamedError as `state.claim` and
        `state.resume` do.
        """
        self.run, self.seed, self.last = run, config.seed, steps
        self.eval_interval = config.eval_interval
        self.patience = config.patience if isinstance(config, ValidatedConfig) else 0
        self.config = dict(asdict(config) if described is None else described)
        self.learners, self.report, self.section = learners, report, ""
        self.nets = {name: learner.network for name, learner in learners.items()}
        self.optimizers = {name: learner.optimizer() for name, learner in learners.items()}
        self.emas = {
            name: copy.deepcopy(learner.network).eval()
            for name, learner in learners.items()
            if learner.ema_decay
        }
        self.step, self.best, self.best_step = 0, float("inf"), 0
        self.curves: dict[str, list[tuple[int, float]]] = {}
        state.claim(run)
        self._resume({each.name: each.default for each in fields(config)})
        if not self.step:
            self.update_report()  # the first validation may be an hour away

    @property
    def done(self) -> bool:
        """All steps are made, or no validation has been better for too long."""
        return self._is_over(self.step)

    def steps(
        self,
        sampler: BatchSampler[B],
        device: str = "cpu",
        workers: int = 0,
        reseed: bool = True,
    ) -> Iterator[tuple[int, B]]:
        """The steps still to be made and their mini-batches; saves after validations.

        `workers` processes make the mini-batches ahead, the same ones (0: this process does).
        Without `reseed` dropout uses the random numbers that follow those of the mini-batch, which
        must then be made in this process.
        """
        with tqdm(initial=self.step, total=self.last, desc=self.run.name, mininterval=2) as bar:
            made = batches(sampler, range(self.step, self.last), workers)
            while not self.done:
                batch = next(made).to(device)
                for net in self.nets.values():
                    net.train()
                if reseed:  # for dropout: the mini-batch may have been made in another process
                    seed_torch(self.seed, self.step)
                yield self.step, batch
                self.step += 1
                bar.update()
                if self.is_eval_step(self.step - 1):
                    self._save()

    def is_eval_step(self, step: int) -> bool:
        """Whether to validate after this step."""
        return (step + 1) % self.eval_interval == 0 or step + 1 == self.last

    def optimizer_step(self, loss: Tensor, *names: str) -> None:
        """One optimizer step of some networks, and one of their EMAs.

        The loss, a scalar, becomes a point of the curve of the first name.
        """
        scale = learning_rate_scale(self.step, self.last)
        for optimizer in self.optimizers.values():
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        for name in names:
            learner = self.learners[name]
            for group in self.optimizers[name].param_groups:
                group["lr"] = learner.learning_rate * scale
            self.optimizers[name].step()
            if name in self.emas:
                update_ema(self.emas[name], learner.network, learner.ema_decay_at(self.step))
        self.log(names[0], loss.item())

    def log(self, curve: str, value: float) -> None:
        """One more point of a curve, at the present step."""
        self.curves.setdefault(curve, []).append((self.step + 1, value))

    def record_validation(self, loss: float) -> bool:
        """Take the validation loss of this step; whether it is the least so far."""
        self.log("validation", loss)
        better = loss < self.best
        if better:
            self.best, self.best_step = loss, self.step + 1
        return better

    def save_best(self, name: str) -> None:
        """Save a network as it is now, for `load_final` to take where `patience` chooses."""
        if self.patience:
            weights = _on_cpu(self.eval_model(name).state_dict())
            state.save(self.run / "best.pt", {name: weights})

    def eval_model(self, name: str) -> nn.Module:
        """The network that is to be validated and used: its EMA where there is one."""
        return self.emas.get(name, self.nets[name])

    def load_final(self, name: str) -> None:
        """Make the network itself what came of the run: its EMA where there is one, as it was at
        the best validation where `patience` chooses, else as it is at the end.
        """
        weights = self.eval_model(name).state_dict()
        if self.patience and self.best_step:
            saved = torch.load(self.run / "best.pt", weights_only=True, map_location="cpu")
            weights = saved[name]
        self.nets[name].load_state_dict(weights)
        self.nets[name].eval()

    def update_report(self, strips: Iterable[Strip] = ()) -> None:
        """Bring this run's section of the report up to date."""
        words = f"step {self.step + 1} of {self.last}"
        if self.best_step:
            words += f", best validation {self.best:.4f} at step {self.best_step}"
        section = Section(self.run.name, words, self.config, self.curves, list(strips))
        self.section = section.html()
        self.report.show(self.run.name, self.section, self._is_over(self.step + 1))

    def checkpoint(self, name: str, architecture: str) -> dict[str, Any]:
        """A network as a file in Wav2Lip's layout, with what it is and how it came about."""
        return {
            "architecture": architecture,
            "config": self.config,
            "state_dict": _on_cpu(self.eval_model(name).state_dict()),
            "optimizer": self.optimizers[name].state_dict(),
            "global_step": self.step + 1,
            "global_epoch": 0,  # batches are drawn at random: there are no epochs
        }

    def _is_over(self, made: int) -> bool:
        """Whether the run has ended after `made` steps."""
        validations = (made - self.best_step) // self.eval_interval
        stale = 0 < self.patience <= validations and self.best_step > 0
        return made >= self.last or stale

    def _resume(self, defaults: Mapping[str, Any]) -> None:
        saved = state.resume(self.run / "state.pt", self.config, defaults)
        if not saved:
            return
        self.step, self.best, self.best_step = saved["step"], saved["best"], saved["best_step"]
        self.curves = saved["curves"]
        for name, net in self.nets.items():
            net.load_state_dict(saved["nets"][name])
            self.optimizers[name].load_state_dict(saved["optimisers"][name])
        for name, ema in self.emas.items():
            ema.load_state_dict(saved["means"][name])
        self.section = saved["section"]
        self.report.show(self.run.name, self.section, self.done)

    def _save(self) -> None:
        state.save(
            self.run / "state.pt",
            {
                "config": self.config,
                "step": self.step,
                "best": self.best,
                "best_step": self.best_step,
                "curves": self.curves,
                "section": self.section,
                "nets": {name: net.state_dict() for name, net in self.nets.items()},
                "means": {name: ema.state_dict() for name, ema in self.emas.items()},
                "optimisers": {name: each.state_dict() for name, each in self.optimizers.items()},
            },
        )


def learning_rate_scale(step: int, steps: int) -> float:
    """What the peak learning rate is multiplied by, 0..1: linear warm-up, then half a cosine to 0
    (SGDR without restarts: Loshchilov and Hutter, ICLR 2017).
    """
    return min(1.0, (step + 1) / WARMUP_STEPS) * 0.5 * (1 + cos(pi * step / steps))


def mixed_precision(device: torch.device) -> torch.autocast:
    """Autocast to bf16 on devices that multiply it faster than float32, else none."""
    pays = device.type == "cuda" or inference.fast_dtype(device.type) == torch.bfloat16
    return torch.autocast(device.type, torch.bfloat16, enabled=pays)


@torch.no_grad()
def update_ema(ema: nn.Module, network: nn.Module, decay: float) -> None:
    """One step of an exponential moving average of weights: decay * ema + (1 - decay) * network.

    Whole numbers, such as counts of batches, are copied.
    """
    latest = network.state_dict()
    for name, value in ema.state_dict().items():
        if value.is_floating_point():
            value.lerp_(latest[name], 1 - decay)
        else:
            value.copy_(latest[name])


def _on_cpu(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key: value.detach().cpu().contiguous() for key, value in weights.items()}
