"""Train the renderer: a face and a mouth shape to the lower face drawn anew.

    python -m wav2lip.training.train_renderer PREPARED RUN --table clips.csv

Three stages: a reader of mouths, that judges; the renderer against real frames of the same person;
the renderer again with a critic, half the time driving a frame with the mouth shape of another, as
in use. RUN/renderer.pt is the result, RUN/report.html shows how it goes, and a killed run goes on
from what is in RUN/reader, RUN/pairs and RUN/critic.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from wav2lip.compact.renderer import TOP, Renderer
from wav2lip.inference import channels_last
from wav2lip.training import dataset, faces, losses, state, words
from wav2lip.training.auxiliary_nets import READ_POINTS, Critic, Reader
from wav2lip.training.loop import Learner, Training, mixed_precision
from wav2lip.training.report import Report, Strip

FRAMES_OF_A_PERSON, WATCHED_FRAMES_OF_A_PERSON = 900, 150
WATCHED, SHOWN = 128, 9  # frames that a look is taken at, and those of them on the report
READER_RATE, RENDERER_RATE, SECOND_RATE, CRITIC_RATE = 2e-3, 1.5e-3, 4e-4, 4e-4
# A short run at the full rate would forget more than it learns.
START_SHARE = 5
# More weight on the critic paints lipstick and black slits.
CRITIC = 0.006
STAGES = ("reader", "pairs", "critic")


@dataclass(frozen=True)
class Config:
    """What decides how a run goes."""

    reader_steps: int = 1500
    steps: int = 3500
    critic_steps: int = 1200
    batch: int = 32
    average: float = 0.0  # of the renderer's weights, see `loop.Learner`
    look_every: int = 250
    patience: int = 0  # for reader and pairs; a critic's worth is not in a validation loss
    seed: int = 0
    everyone: bool = False  # learn from the held-out persons too
    start: str | None = None


@dataclass(frozen=True)
class Draw:
    """Draws the batch of a step; where `driven`, every other pairs frames with themselves."""

    seen: faces.Faces
    seed: int
    batch: int
    driven: bool = False

    def __call__(self, step: int) -> faces.Batch:
        rng = state.generator(self.seed, step)
        return faces.draw(self.seen, rng, self.batch, self.driven and step % 2 == 1)


@dataclass(frozen=True)
class _Run:
    """What the stages of a run share."""

    folder: Path
    config: Config
    described: dict[str, Any]
    steps: dict[str, int]
    seen: faces.Faces
    trial: faces.Batch
    unseen: bool  # whether nobody of the trial is learned from
    device: str
    report: Report

    def draw(self, stage: str) -> Draw:
        seed = self.config.seed + 1 + STAGES.index(stage)
        return Draw(self.seen, seed, self.config.batch, driven=stage == "critic")

    def training(self, stage: str, learners: Mapping[str, Learner]) -> Training:
        """What comes after a stage is no part of its configuration: that may be tried anew."""
        config = {**self.described, "steps": self.steps[stage]}
        for before in STAGES[: STAGES.index(stage)]:
            config[f"{before} steps"] = self.steps[before]
        return Training(self.folder / stage, config, learners, self.report)

    def fresh(self, stage: str) -> None:
        """Seed what a network of this stage begins as."""
        state.generator(self.config.seed, 1 + STAGES.index(stage))

    def caption(self, what: str) -> str:
        return f"{what} ({'unseen' if self.unseen else 'learned'} persons)"


def main(
    prepared: Path,
    run: Path,
    config: Config | None = None,
    table: Path | None = None,
    device: str = "cpu",
    report: Report | None = None,
) -> dict[str, Any]:
    """Train and write run/renderer.pt; returns its contents.

    `config.start` is the file of a compact checkpoint, or the renderer.pt of an earlier run, to go
    on from at a lower rate; its unit of mouth shapes is kept. `report` is a page that other
    trainings write to as well. Raises NamedError `nobody-held-out` where `patience` has nobody to
    go by, or `other-run` where `run` holds a run of another configuration.
    """
    config = config or Config()
    shares = dataset.share_out(dataset.load(prepared, table), config.everyone, config.patience)
    begun = _begun(config.start)
    unit = begun["unit"].numpy() if begun else dataset.spread(shares.learned)
    seen = faces.gather(shares.learned, unit, FRAMES_OF_A_PERSON)
    watched = faces.gather(shares.watched, unit, WATCHED_FRAMES_OF_A_PERSON)
    print(f"{len(seen.shape)} frames to learn from")
    name = Path(config.start).name if config.start else None
    told = {**asdict(config), "clips": len(shares.learned), "start": name}
    going = _Run(
        folder=run,
        config=config,
        described={name: value for name, value in told.items() if not name.endswith("steps")},
        steps=dict(
            zip(STAGES, (config.reader_steps, config.steps, config.critic_steps), strict=True)
        ),
        seen=seen,
        trial=faces.draw(watched, state.generator(config.seed, 2**30), WATCHED).to(device),
        unseen=shares.unseen,
        device=device,
        report=report or Report(run / "report.html", "Training the renderer", STAGES[-1]),
    )
    reader = _train_reader(going).requires_grad_(False)
    renderer = _train_pairs(going, reader, begun)
    renderer = _train_with_critic(going, reader, renderer)
    result = {
        "config": told,
        "renderer": renderer.cpu().state_dict(),
        "unit": torch.from_numpy(unit),
    }
    state.save(run / "renderer.pt", result)
    return result


def _begun(start: str | None) -> dict[str, Any] | None:
    return torch.load(start, weights_only=True, map_location="cpu") if start else None


def _train_reader(run: _Run) -> Reader:
    run.fresh("reader")
    reader = channels_last(Reader(), run.device)
    learners = {"reader": Learner(reader, READER_RATE)}
    training = run.training("reader", learners)
    for step, batch in training.steps(run.draw("reader"), run.device):
        with mixed_precision(batch.target.device):
            points, shapes, _ = reader(batch.target[:, :, TOP:])
        training.descend(_misread(points, shapes, batch), "reader")
        if training.looks(step):
            loss, off, strip = _look_at_reader(run, reader)
            training.note("pixels off", off)
            if run.unseen and training.judge(loss):
                training.keep("reader")
            training.show([strip])
    training.conclude("reader")
    return reader


def _train_pairs(run: _Run, reader: Reader, begun: dict[str, Any] | None) -> Renderer:
    run.fresh("pairs")
    renderer = channels_last(Renderer(), run.device)
    rate = RENDERER_RATE
    if begun:
        renderer.load_state_dict(begun["renderer"])
        rate /= START_SHARE
    learners = {"renderer": Learner(renderer, rate, average=run.config.average)}
    training = run.training("pairs", learners)
    for step, batch in training.steps(run.draw("pairs"), run.device):
        with mixed_precision(batch.target.device):
            drawing = renderer(batch.target, batch.reference, batch.shape)
            loss = losses.paired(drawing, batch, renderer.mask, reader)
        training.descend(loss, "renderer")
        if training.looks(step):
            error, strip = _look_at_renderer(run, training)
            if run.unseen and training.judge(error):
                training.keep("renderer")
            training.show([strip])
    training.conclude("renderer")
    return renderer


def _train_with_critic(run: _Run, reader: Reader, renderer: Renderer) -> Renderer:
    run.fresh("critic")
    critic = channels_last(Critic(), run.device)
    learners = {
        "renderer": Learner(renderer, SECOND_RATE, average=run.config.average),
        "critic": Learner(critic, CRITIC_RATE),
    }
    training = run.training("critic", learners)
    draw = run.draw("critic")
    for step, batch in training.steps(draw, run.device):
        driven = step % 2 == 1
        # Another's mouth on this frame: shapes are relative to a person's rest, so they carry over.
        shape = batch.shape.roll(1, 0) if driven else batch.shape
        with mixed_precision(batch.target.device):
            drawing = renderer(batch.target, batch.reference, shape)
            if driven:
                loss = losses.driven(drawing, batch, shape, renderer.mask, reader)
            else:
                loss = losses.paired(drawing, batch, renderer.mask, reader)
            loss = loss - CRITIC * critic(drawing.result).float().mean()
        training.descend(loss, "renderer")
        with mixed_precision(batch.target.device):
            real = critic(batch.target[:, :, TOP:]).float()
            drawn = critic(drawing.result.detach()).float()
        loss = functional.relu(1 - real).mean() + functional.relu(1 + drawn).mean()
        training.descend(loss, "critic")
        if training.looks(step):
            training.show([_look_at_renderer(run, training)[1]])
    training.conclude("renderer")
    return renderer


def _misread(points: Tensor, shapes: Tensor, batch: faces.Batch) -> Tensor:
    off = functional.smooth_l1_loss(points, batch.points[:, READ_POINTS])
    return off + 0.5 * functional.smooth_l1_loss(shapes, batch.shape + batch.rest)


@torch.inference_mode()
def _look_at_reader(run: _Run, reader: Reader) -> tuple[float, float, Strip]:
    """The loss, how many pixels the points are off, and the first faces with the points on them."""
    lower = run.trial.target[:, :, TOP:]
    points, shapes, _ = reader.eval()(lower)
    off = (points - run.trial.points[:, READ_POINTS]).norm(dim=-1).mean()
    pictures = [
        _marked(picture, read)
        for picture, read in zip(_pictures(lower[:SHOWN]), points.cpu().numpy(), strict=False)
    ]
    strip = Strip(run.caption("what it reads"), pictures)
    return _misread(points, shapes, run.trial).item(), off.item(), strip


@torch.inference_mode()
def _look_at_renderer(run: _Run, training: Training) -> tuple[float, Strip]:
    """The error around the mouth, noted in decibels; and faces: their reference, drawn, and real,
    one above the other.
    """
    batch, renderer = run.trial, training.settled("renderer").eval()
    with mixed_precision(batch.target.device):
        result = renderer(batch.target, batch.reference, batch.shape).result
    error = losses.at_the_mouth(result, batch)
    copied = losses.at_the_mouth(batch.reference[:, :, TOP:], batch)
    training.note("dB at the mouth", -10 * torch.log10(error).item())
    training.note("dB over copying the reference", 10 * torch.log10(copied / error).item())
    drawn = torch.cat((batch.target[:, :, :TOP], result), 2)
    columns = zip(*(_pictures(part[:SHOWN]) for part in (batch.reference, drawn, batch.target)),
                  strict=True)  # fmt: skip
    strip = Strip(run.caption("reference, drawn, real"), [np.concatenate(c) for c in columns])
    return error.item(), strip


def _pictures(faces: Tensor) -> list[np.ndarray]:
    """Colours in -1..1 (n, 3, h, w) as RGB uint8 (h, w, 3)."""
    levels = ((faces.float() + 1) * 127.5).round().clamp(0, 255).byte()
    return list(levels.permute(0, 2, 3, 1).cpu().numpy())


def _marked(picture: np.ndarray, points: np.ndarray) -> np.ndarray:
    """A lower face with points (27, 2), in pixels of the crop, on it."""
    marked = np.ascontiguousarray(picture)
    for x, y in np.rint(points - (0, TOP)).astype(int).tolist():
        cv2.circle(marked, (x, y), 1, (90, 255, 90), -1)
    return marked


if __name__ == "__main__":
    places, asked = words.read(__doc__, Config())
    main(config=asked, **places)
