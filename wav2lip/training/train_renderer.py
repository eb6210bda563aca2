"""Train the renderer: a face and a mouth shape to the lower face drawn anew.

    python -m wav2lip.training.train_renderer PREPARED RUN --table clips.csv

Three stages: a reader of mouths, that judges; the renderer against real frames of the same person;
the renderer again with a critic, half the time driving a frame with the mouth shape of another, as
in use. RUN/renderer.pt is the result; RUN/reader.pt, stage1.pt and stage2.pt are the states that a
killed run goes on from.
"""

import argparse
from collections.abc import Callable
from math import cos, pi
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import trange

from wav2lip.compact import crop
from wav2lip.compact.renderer import TOP, Drawing, Renderer
from wav2lip.precision import channels_last
from wav2lip.training import dataset, faces, state
from wav2lip.training.judges import READ_POINTS, Critic, Reader

BATCH = 32
FRAMES_OF_A_PERSON = 900
READER_RATE, RENDERER_RATE, SECOND_RATE, CRITIC_RATE = 2e-3, 1.5e-3, 4e-4, 4e-4
# A short run at the full rate would forget more than it learns.
START_SHARE = 5
SAVE_EVERY = 250
MOUTH, GRADIENT, WARP, POINTS, SHAPES, FEATURES = 5.0, 1.0, 0.3, 0.06, 0.15, 0.03
# Detail is to come from the picture, which has more of it than a drawing can: outside the mouth
# only smooth shades are painted. And there is to be as much of it as in the real frame.
SMOOTH, DETAIL = 2.0, 0.5
# More weight on the critic paints lipstick and black slits; more on the driven shape and the
# renderer learns to please the reader instead of the eye.
CRITIC, DRIVEN_SHAPE, CHROMA, UNCHANGED = 0.006, 0.03, 1.5, 0.5


def main(
    prepared: Path,
    run: Path,
    table: Path | None = None,
    reader_steps: int = 1500,
    steps: int = 3500,
    critic_steps: int = 1200,
    batch: int = BATCH,
    seed: int = 0,
    device: str = "cpu",
    everyone: bool = False,
    start: Path | None = None,
) -> dict[str, Any]:
    """Train and write run/renderer.pt; returns its contents.

    `everyone` learns from the held-out persons too. `start` is a compact checkpoint or the
    renderer.pt of an earlier run to go on from, at a lower rate; its unit of mouth shapes is kept.
    """
    clips = dataset.load(prepared, table)
    learned = [clip for clip in clips if everyone or not clip.held_out]
    begun = torch.load(start, weights_only=True, map_location="cpu") if start else None
    unit = begun["unit"].numpy() if begun else dataset.spread(learned)
    seen = faces.gather(learned, unit, FRAMES_OF_A_PERSON)
    unseen = faces.gather([c for c in clips if c.held_out], unit, 150) if _held(clips) else seen
    trial = faces.draw(unseen, state.generator(seed, 2**30), 128)
    print(f"{len(seen.shape)} frames to learn from")
    config = {
        "seed": seed,
        "batch": batch,
        "everyone": everyone,
        "clips": len(learned),
        "start": start.name if start else None,
    }

    def batches(number: int) -> Callable[[int, bool], faces.Batch]:
        def at(step: int, same: bool = False) -> faces.Batch:
            return faces.draw(seen, state.generator(seed + number, step), batch, same)

        return at

    reader = _train_reader(batches(1), reader_steps, run, config, device, trial)
    reader.requires_grad_(False)
    renderer = _train_pairs(reader, batches(2), steps, run, config, device, trial, begun)
    renderer = _train_with_critic(
        renderer, reader, batches(3), critic_steps, run, config, device, trial
    )
    result = {
        "config": {**config, "steps": steps, "critic_steps": critic_steps},
        "renderer": renderer.cpu().state_dict(),
        "unit": torch.from_numpy(unit),
    }
    state.save(run / "renderer.pt", result)
    return result


def _held(clips: list[dataset.Clip]) -> bool:
    return any(clip.held_out for clip in clips)


def _train_reader(
    batch_at: Callable[..., faces.Batch],
    steps: int,
    run: Path,
    config: dict[str, Any],
    device: str,
    trial: faces.Batch,
) -> Reader:
    state.generator(config["seed"], 1)
    reader = channels_last(Reader(), device)
    training = _Training(run / "reader.pt", config, steps, {"reader": (reader, READER_RATE)})
    for step in training.steps():
        batch = _to(batch_at(step), device)
        with torch.autocast(device, torch.bfloat16):
            points, shapes, _ = reader(batch.target[:, :, TOP:])
        loss = (
            functional.smooth_l1_loss(points, batch.points[:, READ_POINTS])
            + 0.5 * functional.smooth_l1_loss(shapes, batch.shape + batch.rest)
        )  # fmt: skip
        training.descend("reader", loss)
    reader.eval()
    batch = _to(trial, device)
    with torch.inference_mode():
        points, shapes, _ = reader(batch.target[:, :, TOP:])
    off = (points - batch.points[:, READ_POINTS]).norm(dim=-1).mean()
    print(f"reader: {off:.2f} pixels off on unseen persons")
    return reader


def _train_pairs(
    reader: Reader,
    batch_at: Callable[..., faces.Batch],
    steps: int,
    run: Path,
    config: dict[str, Any],
    device: str,
    trial: faces.Batch,
    begun: dict[str, Any] | None,
) -> Renderer:
    state.generator(config["seed"], 2)
    renderer = channels_last(Renderer(), device)
    rate = RENDERER_RATE
    if begun:
        renderer.load_state_dict(begun["renderer"])
        rate /= START_SHARE
    nets: dict[str, tuple[nn.Module, float]] = {"renderer": (renderer, rate)}
    training = _Training(run / "stage1.pt", config, steps, nets)
    for step in training.steps():
        batch = _to(batch_at(step), device)
        with torch.autocast(device, torch.bfloat16):
            drawing = renderer(batch.target, batch.reference, batch.shape)
            loss = _likeness(drawing, batch, renderer.mask, reader)
        training.descend("renderer", loss)
        training.report(lambda: _trial(renderer, trial, device))
    return renderer


def _train_with_critic(
    renderer: Renderer,
    reader: Reader,
    batch_at: Callable[..., faces.Batch],
    steps: int,
    run: Path,
    config: dict[str, Any],
    device: str,
    trial: faces.Batch,
) -> Renderer:
    state.generator(config["seed"], 3)
    critic = channels_last(Critic(), device)
    nets: dict[str, tuple[nn.Module, float]] = {
        "renderer": (renderer, SECOND_RATE),
        "critic": (critic, CRITIC_RATE),
    }
    training = _Training(run / "stage2.pt", config, steps, nets)
    for step in training.steps():
        driven = step % 2 == 1
        batch = _to(batch_at(step, driven), device)
        # Another's mouth on this frame: shapes are relative to a person's rest, so they carry over.
        shape = batch.shape.roll(1, 0) if driven else batch.shape
        with torch.autocast(device, torch.bfloat16):
            drawing = renderer(batch.target, batch.reference, shape)
            if driven:
                loss = _driven_well(drawing, batch, shape, renderer.mask, reader)
            else:
                loss = _likeness(drawing, batch, renderer.mask, reader)
            loss = loss - CRITIC * critic(drawing.result).float().mean()
        training.descend("renderer", loss)
        with torch.autocast(device, torch.bfloat16):
            real = critic(batch.target[:, :, TOP:]).float()
            drawn = critic(drawing.result.detach()).float()
        training.descend(
            "critic", functional.relu(1 - real).mean() + functional.relu(1 + drawn).mean()
        )
        training.report(lambda: _trial(renderer, trial, device))
    return renderer.eval()


def _likeness(drawing: Drawing, batch: faces.Batch, mask: Tensor, reader: Reader) -> Tensor:
    """How far a drawing is from the real frame, the mouth counting most."""
    target = batch.target[:, :, TOP:]
    weight = mask * (1 + MOUTH * _bump(batch.points, 13.0, 9.0))
    weight = weight / weight.mean()
    pixels = ((drawing.result - target).abs() * weight).mean()
    edges = sum(
        ((drawing.result.diff(dim=d) - target.diff(dim=d)).abs() * weight.narrow(d, 0, n)).mean()
        for d, n in ((2, target.shape[2] - 1), (3, target.shape[3] - 1))
    )
    moved = ((drawing.warped - target).abs() * weight).mean()
    points, shapes, features = reader(drawing.result)
    with torch.no_grad():
        wanted = reader(target)[2]
    alike = sum(
        functional.l1_loss(a.float(), b.float()) for a, b in zip(features, wanted, strict=True)
    )
    return (
        pixels
        + GRADIENT * edges
        + WARP * moved
        + POINTS * functional.smooth_l1_loss(points, batch.points[:, READ_POINTS])
        + SHAPES * functional.smooth_l1_loss(shapes, batch.shape + batch.rest)
        + FEATURES * alike
        + SMOOTH * _painted_detail(drawing, batch, mask)
        + DETAIL * ((_detail(drawing.result) - _detail(target)).abs() * _pooled(weight)).mean()
    )


def _driven_well(
    drawing: Drawing, batch: faces.Batch, shape: Tensor, mask: Tensor, reader: Reader
) -> Tensor:
    """Without a real frame to compare with: the asked shape, same colours, a still face around."""
    before = batch.reference[:, :, TOP:]
    _, shapes, _ = reader(drawing.result)
    colours = functional.avg_pool2d(drawing.result - before, 8)
    chroma = colours - colours.mean(1, keepdim=True)
    elsewhere = mask * (1 - _bump(batch.points, 22.0, 16.0))
    return (
        DRIVEN_SHAPE * functional.smooth_l1_loss(shapes, shape + batch.rest)
        + CHROMA * chroma.abs().mean()
        + UNCHANGED * ((drawing.result - before).abs() * elsewhere).mean()
        + 0.5 * SMOOTH * _painted_detail(drawing, batch, mask)
    )


def _painted_detail(drawing: Drawing, batch: faces.Batch, mask: Tensor) -> Tensor:
    """How much fine detail is painted, or painted over, where no inside of a mouth shows."""
    painted = drawing.result - drawing.warped
    fine = painted - functional.avg_pool2d(painted, 5, 1, 2, count_include_pad=False)
    return (fine.abs() * mask * (1 - batch.inside[:, :, TOP:])).mean()


def _detail(picture: Tensor) -> Tensor:
    """The strength of fine detail around each place, (n, 1, 14, 24)."""
    grey = picture.mean(1, keepdim=True)
    kernel = torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]], device=picture.device)
    edges = functional.conv2d(grey, kernel.to(grey.dtype)[None, None], padding=1)
    return (_pooled(edges**2) + 1e-4).sqrt()


def _pooled(field: Tensor) -> Tensor:
    return functional.avg_pool2d(field.float(), 8, 4, 4, count_include_pad=False)


def _bump(points: Tensor, wide: float, high: float) -> Tensor:
    """1 at the middle of the mouth, falling off over `wide` and `high` pixels: (n, 1, 56, 96)."""
    centre = points[:, 48:].mean(1)
    rows = torch.arange(TOP, crop.SIZE, device=points.device) + 0.5
    columns = torch.arange(crop.SIZE, device=points.device) + 0.5
    across = torch.exp(-(((columns - centre[:, :1]) / wide) ** 2) / 2)
    down = torch.exp(-(((rows - centre[:, 1:]) / high) ** 2) / 2)
    return (down[:, :, None] * across[:, None])[:, None]


def _trial(renderer: Renderer, trial: faces.Batch, device: str) -> str:
    """Decibels at the mouth on unseen persons: drawn, and for comparison the reference as it is."""
    renderer.eval()
    batch = _to(trial, device)
    with torch.inference_mode(), torch.autocast(device, torch.bfloat16):
        result = renderer(batch.target, batch.reference, batch.shape).result
    renderer.train()
    weight = _bump(batch.points, 13.0, 9.0)

    def decibels(picture: Tensor) -> float:
        error = ((picture - batch.target[:, :, TOP:]) ** 2 * weight).mean() / weight.mean()
        return float(10 * torch.log10(4 / error))

    return f"{decibels(result):.2f} dB, reference {decibels(batch.reference[:, :, TOP:]):.2f} dB"


def _to(batch: faces.Batch, device: str) -> faces.Batch:
    return faces.Batch(**{name: value.to(device) for name, value in vars(batch).items()})


class _Training:
    """Networks, their optimisers and the step they are at, saved every so often."""

    def __init__(
        self,
        path: Path,
        config: dict[str, Any],
        steps: int,
        nets: dict[str, tuple[nn.Module, float]],
    ) -> None:
        self.path, self.last, self.config = path, steps, {**config, "steps": steps}
        self.nets = {name: net for name, (net, _) in nets.items()}
        self.rates = {name: rate for name, (_, rate) in nets.items()}
        self.optimisers = {
            name: torch.optim.AdamW(net.parameters(), self.rates[name], betas=(0.9, 0.99))
            for name, net in self.nets.items()
        }
        self.step = 0
        self.losses: dict[str, float] = {}
        saved = state.resume(path, self.config)
        if saved:
            self.step = saved["step"]
            for name, net in self.nets.items():
                net.load_state_dict(saved["nets"][name])
                self.optimisers[name].load_state_dict(saved["optimisers"][name])

    def steps(self) -> Any:
        """The steps still to be made; saves on the way."""
        for net in self.nets.values():
            net.train()
        self.progress = trange(self.step, self.last, desc=self.path.stem, mininterval=2)
        for step in self.progress:
            yield step
            self.step = step + 1
            if self.step % SAVE_EVERY == 0 or self.step == self.last:
                self._save()

    def descend(self, name: str, loss: Tensor) -> None:
        """One step of one network, its rate warming up and then falling along half a cosine."""
        share = min(1.0, (self.step + 1) / 100) * 0.5 * (1 + cos(pi * self.step / self.last))
        for optimiser in self.optimisers.values():
            optimiser.zero_grad(set_to_none=True)
        loss.backward()
        for group in self.optimisers[name].param_groups:
            group["lr"] = self.rates[name] * share
        self.optimisers[name].step()
        self.losses[name] = loss.item()

    def report(self, trial: Callable[[], str]) -> None:
        """Every so often, one line of how it goes."""
        if (self.step + 1) % SAVE_EVERY == 0:
            losses = " ".join(f"{name} {value:.4f}" for name, value in self.losses.items())
            self.progress.write(f"{self.path.stem} {self.step + 1}: {losses}, {trial()}")

    def _save(self) -> None:
        state.save(
            self.path,
            {
                "config": self.config,
                "step": self.step,
                "nets": {name: net.state_dict() for name, net in self.nets.items()},
                "optimisers": {name: o.state_dict() for name, o in self.optimisers.items()},
            },
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("prepared", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--table", type=Path, help="clips.csv: file, person, held_out")
    parser.add_argument("--reader-steps", type=int, default=1500)
    parser.add_argument("--steps", type=int, default=3500)
    parser.add_argument("--critic-steps", type=int, default=1200)
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--everyone", action="store_true", help="train on held-out persons too")
    parser.add_argument(
        "--start", type=Path, help="a compact checkpoint or renderer.pt to go on from"
    )
    main(**vars(parser.parse_args()))
