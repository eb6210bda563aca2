"""The loop that training scripts share: steps, learning rates, saving, curves, early stop, report.

A script says what a step is:

    for step, batch in training.steps(draw):
        training.descend(loss, "generator")
        if training.looks(step):
            training.judge(validation_loss)
            training.show(strips)

Everything that decides how a run goes on is in RUN/state.pt: networks, their running means,
optimisers, step, curves, the best result. A training of several stages has a folder for each, and
one report of all. Random numbers come from `state.generator(seed, step)` alone. So a killed run
that is started again ends where an unbroken one would have ended.
"""

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import cos, pi
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from wav2lip import inference
from wav2lip.training import state
from wav2lip.training.report import Report, Section, Strip

WARM_UP = 100  # steps
Weights = dict[str, Tensor]


class Drawn(Protocol):
    """A batch: tensors that move to a device together."""

    def to(self, device: str) -> Any: ...


@dataclass(frozen=True)
class Learner:
    """A network and how it learns.

    With an `average` in 0..1 a running mean of the weights is kept, of which so large a share stays
    at each step (Polyak and Juditsky, 1992); 0.999 remembers the last thousand steps or so.
    """

    network: nn.Module
    rate: float
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.99)
    average: float = 0.0

    def optimiser(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(
            self.network.parameters(), self.rate, self.betas, weight_decay=self.weight_decay
        )


class Training:
    """Networks that learn, the step they are at, and how it went so far."""

    def __init__(
        self,
        run: Path,
        config: dict[str, Any],
        learners: Mapping[str, Learner],
        report: Report,
    ) -> None:
        """`config` says steps, seed, look_every, patience and whatever else decides how the run
        goes: only a run of the same configuration is continued.

        Every `look_every` steps the run is validated, saved and shown in the `report`, in a section
        of the name of the folder `run`; after `patience` looks without a better one (0: never) it
        stops. Raises NamedError as `state.claim` and `state.resume` do.
        """
        self.run, self.config, self.last = run, config, int(config["steps"])
        self.learners, self.page, self.section = learners, report, ""
        self.nets = {name: learner.network for name, learner in learners.items()}
        self.optimisers = {name: learner.optimiser() for name, learner in learners.items()}
        self.means = {
            name: copy.deepcopy(learner.network).eval()
            for name, learner in learners.items()
            if learner.average
        }
        self.look_every, self.patience = config["look_every"], config["patience"]
        self.step, self.best, self.best_step = 0, float("inf"), 0
        self.curves: dict[str, list[tuple[int, float]]] = {}
        state.claim(run)
        self._resume()
        if not self.step:
            self.show()  # the first look may be an hour away

    @property
    def done(self) -> bool:
        """All steps are made, or no look has been better for too long."""
        return self._over(self.step)

    def steps(
        self, draw: Callable[[int], Drawn], device: str = "cpu", workers: int = 0
    ) -> Iterator[tuple[int, Any]]:
        """The steps still to be made and their batches; saves after the looks.

        `draw(step)` gives the batch of a step. With `workers` so many processes draw ahead, to the
        same numbers; `draw` must then be picklable.
        """
        with tqdm(initial=self.step, total=self.last, desc=self.run.name, mininterval=2) as bar:
            drawn = iter(_loader(draw, range(self.step, self.last), workers))
            while not self.done:
                batch = next(drawn).to(device)
                for net in self.nets.values():
                    net.train()
                # After drawing, which may use torch's random numbers, or may not be done here.
                state.generator(self.config["seed"], self.step)
                yield self.step, batch
                self.step += 1
                bar.update()
                if self.looks(self.step - 1):
                    self._save()

    def looks(self, step: int) -> bool:
        """Whether to validate after this step."""
        return (step + 1) % self.look_every == 0 or step + 1 == self.last

    def descend(self, loss: Tensor, *names: str) -> None:
        """One step of some networks, their rates warming up and then falling along half a cosine.

        The loss becomes a point of the curve of the first name.
        """
        share = min(1.0, (self.step + 1) / WARM_UP) * 0.5 * (1 + cos(pi * self.step / self.last))
        for optimiser in self.optimisers.values():
            optimiser.zero_grad(set_to_none=True)
        loss.backward()
        for name in names:
            for group in self.optimisers[name].param_groups:
                group["lr"] = self.learners[name].rate * share
            self.optimisers[name].step()
            if name in self.means:
                blend(self.means[name], self.nets[name], self._remembered(name))
        self.note(names[0], loss.item())

    def note(self, curve: str, value: float) -> None:
        """One more point of a curve, at the present step."""
        self.curves.setdefault(curve, []).append((self.step + 1, value))

    def judge(self, loss: float) -> bool:
        """Take the validation loss of this step; whether it is the least so far."""
        self.note("validation", loss)
        better = loss < self.best
        if better:
            self.best, self.best_step = loss, self.step + 1
        return better

    def keep(self, name: str) -> None:
        """Save a network as it is now, for `conclude` to take where `patience` chooses."""
        if self.patience:
            state.save(self.run / "best.pt", {name: _whole(self.settled(name).state_dict())})

    def settled(self, name: str) -> nn.Module:
        """The network that is to be used: its running mean where there is one."""
        return self.means.get(name, self.nets[name])

    def conclude(self, name: str) -> None:
        """Make the network itself what came of the run: its running mean where there is one, as it
        was kept at the best look where `patience` chooses, else as it is at the end.
        """
        weights = self.settled(name).state_dict()
        if self.patience and self.best_step:
            kept = torch.load(self.run / "best.pt", weights_only=True, map_location="cpu")
            weights = kept[name]
        self.nets[name].load_state_dict(weights)
        self.nets[name].eval()

    def show(self, strips: Iterable[Strip] = ()) -> None:
        """Bring this run's section of the report up to date."""
        words = f"step {self.step + 1} of {self.last}"
        if self.best_step:
            words += f", best validation {self.best:.4f} at step {self.best_step}"
        section = Section(self.run.name, words, self.config, self.curves, list(strips))
        self.section = section.html()
        self.page.show(self.run.name, self.section, self._over(self.step + 1))

    def checkpoint(self, name: str, architecture: str) -> dict[str, Any]:
        """A network as a file in Wav2Lip's layout, with what it is and how it came about."""
        return {
            "architecture": architecture,
            "config": self.config,
            "state_dict": _whole(self.settled(name).state_dict()),
            "optimizer": self.optimisers[name].state_dict(),
            "global_step": self.step + 1,
            "global_epoch": 0,  # batches are drawn at random: there are no epochs
        }

    def _over(self, made: int) -> bool:
        """Whether the run has ended when so many steps are made."""
        looks = (made - self.best_step) // self.look_every
        stale = 0 < self.patience <= looks and self.best_step > 0
        return made >= self.last or stale

    def _remembered(self, name: str) -> float:
        """The share of a mean that stays: less at first, or the beginning would count most."""
        return min(self.learners[name].average, (self.step + 1) / (self.step + 10))

    def _resume(self) -> None:
        saved = state.resume(self.run / "state.pt", self.config)
        if not saved:
            return
        self.step, self.best, self.best_step = saved["step"], saved["best"], saved["best_step"]
        self.curves = saved["curves"]
        for name, net in self.nets.items():
            net.load_state_dict(saved["nets"][name])
            self.optimisers[name].load_state_dict(saved["optimisers"][name])
        for name, mean in self.means.items():
            mean.load_state_dict(saved["means"][name])
        self.section = saved["section"]
        self.page.show(self.run.name, self.section, self.done)

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
                "means": {name: mean.state_dict() for name, mean in self.means.items()},
                "optimisers": {name: each.state_dict() for name, each in self.optimisers.items()},
            },
        )


class _Batches(Dataset):
    """Batch i is what is drawn with the random numbers of step i, whichever process draws it."""

    def __init__(self, draw: Callable[[int], Drawn]) -> None:
        self.draw = draw

    def __getitem__(self, step: int) -> Drawn:
        return self.draw(step)


def _loader(draw: Callable[[int], Drawn], steps: range, workers: int) -> DataLoader:
    return DataLoader(
        _Batches(draw),
        batch_size=None,
        sampler=steps,
        num_workers=workers,
        # A forked child would inherit locks of torch's threads, held for ever.
        multiprocessing_context="spawn" if workers else None,
    )


def mixed_precision(device: torch.device) -> torch.autocast:
    """bf16 inside, on devices that multiply it faster than float32."""
    pays = device.type == "cuda" or inference.fast_dtype(device.type) == torch.bfloat16
    return torch.autocast(device.type, torch.bfloat16, enabled=pays)


@torch.no_grad()
def blend(mean: nn.Module, network: nn.Module, share: float) -> None:
    """Let `share` of the mean stay, and the rest be the network as it is now."""
    latest = network.state_dict()
    for name, value in mean.state_dict().items():
        if value.is_floating_point():
            value.lerp_(latest[name], 1 - share)
        else:
            value.copy_(latest[name])


def _whole(weights: Weights) -> Weights:
    return {key: value.detach().cpu().contiguous() for key, value in weights.items()}
