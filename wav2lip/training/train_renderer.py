"""Train the renderer: a face and a mouth shape to the lower face drawn anew.

    mouth train renderer PREPARED RUN --table clips.csv

Three stages: a reader of mouths, that judges; the renderer against real frames of the same person;
the renderer again with a critic (a patch discriminator, hinge loss), half the time driving a frame
with the mouth shape of another, as in use. RUN/renderer.pt is the result, RUN/report.html shows how
it goes, and a killed run goes on from what is in RUN/reader, RUN/pairs and RUN/critic.
Hyper-parameters: config.RendererConfig.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from wav2lip.compact.renderer import TOP, Renderer
from wav2lip.inference import channels_last
from wav2lip.training import command_line, dataset, faces, losses, state
from wav2lip.training.auxiliary_nets import READ_POINTS, Critic, Reader
from wav2lip.training.batches import seed_torch, step_rng
from wav2lip.training.config import RendererConfig
from wav2lip.training.loop import Learner, Training, mixed_precision
from wav2lip.training.report import Report, Strip
from wav2lip.training.stages import Stages, description, mouth_shape_unit, starting_weights

FRAMES_OF_A_PERSON, VALIDATION_FRAMES_OF_A_PERSON = 900, 150
VALIDATION_PAIRS, SHOWN = 128, 9  # pairs of frames to validate on, and those of them on the report
# Every stage is a run of its own: how many steps it has, and what else it alone depends on.
STAGES = ("reader", "pairs", "critic")
_STEPS = {"reader": "reader_steps", "pairs": "steps", "critic": "critic_steps"}
_OWN = {
    "reader": ("reader_learning_rate",),
    "pairs": ("learning_rate", "finetune_lr_divisor"),
    "critic": ("adversarial_learning_rate", "critic_learning_rate", "critic_weight"),
}


@dataclass(frozen=True)
class _Run(Stages[RendererConfig]):
    """What the stages share."""

    train: faces.Faces
    validation: faces.Batch

    def stage(self, name: str, learners: Mapping[str, Learner]) -> Training:
        """The run of a stage. What comes after it is no part of it: that may be tried anew."""
        before = STAGES[: STAGES.index(name)]
        own = {each: getattr(self.config, each) for at in (*before, name) for each in _OWN[at]}
        steps = {f"{at} steps": self._steps(at) for at in before}
        return self.training(name, self._steps(name), learners, own | steps)

    def sampler(self, stage: str) -> faces.PairSampler:
        seed = self.config.seed + 1 + STAGES.index(stage)
        return faces.PairSampler(seed, self.train, self.config.batch, driven=stage == "critic")

    def seed_weights(self, stage: str) -> None:
        """Seed what a network of this stage begins as."""
        seed_torch(self.config.seed, 1 + STAGES.index(stage))

    def caption(self, what: str) -> str:
        return f"{what} ({self.people} persons)"

    def _steps(self, stage: str) -> int:
        return getattr(self.config, _STEPS[stage])


def main(
    prepared: Path,
    run: Path,
    config: RendererConfig | None = None,
    table: Path | None = None,
    device: str = "cpu",
    report: Report | None = None,
) -> Path:
    """Train on a folder of `wav2lip.training.prepare`; returns run/renderer.pt.

    `config.start` is a compact checkpoint, or the renderer.pt of an earlier run, to go on from at a
    lower learning rate; its unit of mouth shapes is kept. `report` is a page that other trainings
    write to as well. Raises NamedError `nobody-held-out` where `patience` has no held-out persons
    to go by, or `other-run` where `run` holds a run of another configuration.
    """
    config = config or RendererConfig()
    split = dataset.held_out_split(dataset.load(prepared, table), config.everyone, config.patience)
    begun = starting_weights(config.start)
    unit = mouth_shape_unit(begun, split)
    train = faces.gather(split.train, unit, FRAMES_OF_A_PERSON)
    unseen = faces.gather(split.validation, unit, VALIDATION_FRAMES_OF_A_PERSON)
    print(f"{len(train.shape)} frames to learn from")
    described = description(config, split)
    apart = {*_STEPS.values(), *(name for names in _OWN.values() for name in names)}
    stages = _Run(
        folder=run,
        config=config,
        described={name: value for name, value in described.items() if name not in apart},
        split=split,
        device=device,
        report=report or Report(run / "report.html", "Training the renderer", STAGES[-1]),
        train=train,
        validation=faces.sample_pairs(unseen, step_rng(config.seed, 2**30), VALIDATION_PAIRS).to(
            device
        ),
    )
    reader = _train_reader(stages).requires_grad_(False)
    renderer = _train_pairs(stages, reader, begun)
    renderer = _train_with_critic(stages, reader, renderer)
    result = {
        "config": described,
        "renderer": renderer.cpu().state_dict(),
        "unit": torch.from_numpy(unit),
    }
    state.save(run / "renderer.pt", result)
    return run / "renderer.pt"


def _train_reader(run: _Run) -> Reader:
    run.seed_weights("reader")
    reader = channels_last(Reader(), run.device)
    learners = {"reader": Learner(reader, run.config.reader_learning_rate)}
    training = run.stage("reader", learners)
    for step, batch in training.steps(run.sampler("reader"), run.device):
        with mixed_precision(batch.target.device):
            points, shapes, _ = reader(batch.target[:, :, TOP:])
        training.optimizer_step(_reader_loss(points, shapes, batch), "reader")
        if training.is_eval_step(step):
            loss, off, strip = _validate_reader(run, reader)
            training.log("pixels off", off)
            if run.split.unseen and training.record_validation(loss):
                training.save_best("reader")
            training.update_report([strip])
    training.load_final("reader")
    return reader


def _train_pairs(run: _Run, reader: Reader, begun: dict[str, Any] | None) -> Renderer:
    run.seed_weights("pairs")
    renderer = channels_last(Renderer(), run.device)
    if begun:
        renderer.load_state_dict(begun["renderer"])
    learning_rate = run.config.usual_learning_rate(run.config.learning_rate)
    learners = {"renderer": Learner(renderer, learning_rate, ema_decay=run.config.ema_decay)}
    training = run.stage("pairs", learners)
    for step, batch in training.steps(run.sampler("pairs"), run.device):
        with mixed_precision(batch.target.device):
            drawing = renderer(batch.target, batch.reference, batch.shape)
            loss = losses.paired(drawing, batch, renderer.mask, reader)
        training.optimizer_step(loss, "renderer")
        if training.is_eval_step(step):
            error, strip = _validate_renderer(run, training)
            if run.split.unseen and training.record_validation(error):
                training.save_best("renderer")
            training.update_report([strip])
    training.load_final("renderer")
    return renderer


def _train_with_critic(run: _Run, reader: Reader, renderer: Renderer) -> Renderer:
    run.seed_weights("critic")
    config = run.config
    critic = channels_last(Critic(), run.device)
    learners = {
        "renderer": Learner(renderer, config.adversarial_learning_rate, ema_decay=config.ema_decay),
        "critic": Learner(critic, config.critic_learning_rate),
    }
    training = run.stage("critic", learners)
    for step, batch in training.steps(run.sampler("critic"), run.device):
        driven = step % 2 == 1
        # Another's mouth on this frame: shapes are relative to a person's rest, so they carry over.
        shape = batch.shape.roll(1, 0) if driven else batch.shape
        with mixed_precision(batch.target.device):
            drawing = renderer(batch.target, batch.reference, shape)
            if driven:
                loss = losses.driven(drawing, batch, shape, renderer.mask, reader)
            else:
                loss = losses.paired(drawing, batch, renderer.mask, reader)
            loss = loss - config.critic_weight * critic(drawing.result).float().mean()
        training.optimizer_step(loss, "renderer")
        with mixed_precision(batch.target.device):
            real = critic(batch.target[:, :, TOP:]).float()
            drawn = critic(drawing.result.detach()).float()
        training.optimizer_step(losses.hinge(real, drawn), "critic")
        if training.is_eval_step(step):
            # What a critic is worth is in no validation loss.
            training.update_report([_validate_renderer(run, training)[1]])
    training.load_final("renderer")
    return renderer


def _reader_loss(points: Tensor, shapes: Tensor, batch: faces.Batch) -> Tensor:
    """Smooth L1 of landmarks, in pixels, and of mouth shapes."""
    off = functional.smooth_l1_loss(points, batch.points[:, READ_POINTS])
    return off + 0.5 * functional.smooth_l1_loss(shapes, batch.shape + batch.rest)


@torch.inference_mode()
def _validate_reader(run: _Run, reader: Reader) -> tuple[float, float, Strip]:
    """The loss, how many pixels the points are off, and the first faces with the points on them."""
    lower = run.validation.target[:, :, TOP:]
    points, shapes, _ = reader.eval()(lower)
    off = (points - run.validation.points[:, READ_POINTS]).norm(dim=-1).mean()
    pictures = [
        _marked(picture, read)
        for picture, read in zip(_pictures(lower[:SHOWN]), points.cpu().numpy(), strict=False)
    ]
    strip = Strip(run.caption("what it reads"), pictures)
    return _reader_loss(points, shapes, run.validation).item(), off.item(), strip


@torch.inference_mode()
def _validate_renderer(run: _Run, training: Training) -> tuple[float, Strip]:
    """The mean square error around the mouth, logged as PSNR in decibels; and faces: their
    reference, drawn, and real, one above the other.
    """
    batch, renderer = run.validation, training.eval_model("renderer").eval()
    with mixed_precision(batch.target.device):
        result = renderer(batch.target, batch.reference, batch.shape).result
    error = losses.at_the_mouth(result, batch)
    copied = losses.at_the_mouth(batch.reference[:, :, TOP:], batch)
    training.log("dB at the mouth", -10 * torch.log10(error).item())
    training.log("dB over copying the reference", 10 * torch.log10(copied / error).item())
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
    command_line.renderer()
