"""Train a sync expert: does this mouth say this sound?

    mouth train expert PREPARED RUN

The loss is the paper's (Prajwal et al. 2020): the cosine of the two embeddings is the probability
that they are in sync, negatives are the same clip's sound shifted. Every window of a batch meets
every other of its clip, so one pass through the networks judges many pairs. In the first part of a
run a contrastive loss is added, over the windows of one person (InfoNCE, van den Oord et al.,
2018), which then leaves the cosines to the first. Where mouth shapes are known (files of
wav2lip.training.prepare), linear heads on both embeddings have to tell them in that part: otherwise
an expert guesses at even chances for thousands of steps before it finds the mouth. RUN/expert.pt is
the best result on the validation clips, an EMA of the weights; RUN/report.html shows how it goes.
Hyper-parameters: config.ExpertConfig.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from wav2lip import expert
from wav2lip.evaluation.expert import locate
from wav2lip.inference import channels_last
from wav2lip.training import command_line, state, windows
from wav2lip.training.augment import augmented
from wav2lip.training.batches import BatchSampler, TensorBatch, seed_torch
from wav2lip.training.config import ExpertConfig
from wav2lip.training.loop import Learner, Training, mixed_precision
from wav2lip.training.report import Report, Strip
from wav2lip.training.stretches import stretches

VALIDATION_BATCHES = 12
CLIPS_OF_A_PERSON = 4
# Frames of a piece of a clip: enough for six windows MIN_SHIFT apart, all of one moment.
STRETCH = 36
HALF = windows.SIDE // 2
# Augmentation, at most: pixels of 96, and part of the face's width and height; boxes of other
# detectors differ by as much.
SHIFT, SCALE = 4.0, 0.07


@dataclass(frozen=True)
class Batch(TensorBatch):
    """Windows of some clips, those of a clip at least MIN_SHIFT frames apart."""

    mel: Tensor  # (n, 1, 80, 16)
    faces: Tensor  # (n, 15, 48, 96) BGR in 0..1
    shapes: Tensor  # (n, 40) of the five frames, NaN where unknown
    clip: Tensor  # (n,)
    person: Tensor  # (n,)


@dataclass(frozen=True)
class ExpertSampler(BatchSampler[Batch]):
    """Random windows of some clips, by default augmented."""

    clips: list[windows.Clip]
    config: ExpertConfig
    augment: bool = True

    def sample(self, step: int, rng: np.random.Generator) -> Batch:
        mels, faces, shapes, clips, persons = [], [], [], [], []
        for number, index in enumerate(_sample_clips(self.clips, self.config.clips, rng)):
            clip = self.clips[index]
            for first in windows.sample_windows(clip, self.config.windows, rng):
                mels.append(clip.mel_window(int(first)))
                faces.append(self._mouths(clip, int(first), rng))
                shapes.append(clip.mouth_shapes(int(first)).ravel())
                clips.append(number)
                persons.append(clip.person)
        mel = torch.from_numpy(np.stack(mels))
        _, numbers = np.unique(persons, return_inverse=True)
        return Batch(
            (augmented(mel, rng) if self.augment else mel)[:, None],
            torch.from_numpy(np.stack(faces)).contiguous(memory_format=torch.channels_last),
            torch.from_numpy(np.stack(shapes)),
            torch.tensor(clips),
            torch.from_numpy(numbers),
        )

    def _mouths(self, clip: windows.Clip, first: int, rng: np.random.Generator) -> np.ndarray:
        """The lower halves of five frames, (15, 48, 96) BGR in 0..1."""
        faces = clip.faces(first, windows.FRAMES)
        if not self.augment:
            return stacked(windows.crop_faces(faces, clip.region)[:, HALF:] / np.float32(255))
        place = np.array([*rng.uniform(-SHIFT, SHIFT, 2), *1 + rng.uniform(-SCALE, SCALE, 2)])
        place[2] *= 1 - rng.uniform(0, self.config.squeeze)
        faces = windows.crop_faces(faces, clip.region, place)[:, HALF:]
        return stacked(_color_jitter(faces[:, :, ::-1] if rng.random() < 0.5 else faces, rng))


def main(
    prepared: Path,
    run: Path,
    config: ExpertConfig,
    table: Path | None = None,
    lags: Path | None = None,
    device: str = "cpu",
    workers: int = 0,
) -> Path:
    """Train on a folder that `windows.load` reads; returns run/expert.pt, best on validation.

    `table` and `lags` are for `windows.load`; `workers` processes make mini-batches. `config.start`
    is an expert to go on from, a name or a file. Raises NamedError `nothing-prepared`,
    `checkpoint-missing`, `checkpoint-corrupt` and `checkpoint-unsuitable`, or `other-run` where
    `run` holds a run of another configuration.
    """
    start = locate(config.start) if config.start else None
    config = replace(config, start=str(start) if start else None)
    train, unseen = (stretches(clips, STRETCH) for clips in windows.load(prepared, table, lags))
    held_out = ExpertSampler(config.seed + 1, unseen, config, augment=False)
    validation = held_out.first(VALIDATION_BATCHES, device)
    print(f"{len(train)} stretches to learn from, {len(unseen)} to validate on")

    seed_torch(config.seed, 2**31 - 1)
    begun = expert.load(start) if start else expert.NETWORKS[config.network]()
    network = channels_last(begun, device)
    heads = _mouth_shape_heads(network, validation[0]).to(device)
    learning_rate = config.peak_learning_rate()
    learners = {
        "expert": Learner(network, learning_rate, ema_decay=config.ema_decay),
        "hints": Learner(heads, learning_rate),
    }
    report = Report(run / "report.html", "Training a sync expert")
    training = Training(run, config, config.steps, learners, report)

    sampler = ExpertSampler(config.seed, train, config)
    for step, batch in training.steps(sampler, device, workers):
        sound, mouth = _embedded(network, batch)
        cosines = sound @ mouth.T
        loss = sync_loss(cosines, batch)
        if step < config.contrast * config.steps:
            shapes = mouth_shape_loss(heads[0](sound), batch)
            shapes = shapes + mouth_shape_loss(heads[1](mouth), batch)
            contrastive = contrastive_loss(cosines, batch, config.temperature)
            loss = loss + contrastive + config.mouth_shape_weight * shapes
        training.optimizer_step(loss, "expert", "hints")
        if training.is_eval_step(step):
            metrics = validate(training.eval_model("expert"), validation)
            training.log("told in sync from shifted", metrics.accuracy)
            training.log("own sound closer than a shifted one", metrics.ranking)
            if training.record_validation(metrics.loss):
                state.save(run / "expert.pt", training.checkpoint("expert", "syncnet"))
            training.update_report([_strip(validation[0])])
    return run / "expert.pt"


def sync_loss(cosines: Tensor, batch: Batch) -> Tensor:
    """Binary cross entropy of the cosines (n, n) of sounds, in rows, with mouths, in columns.

    Pairs in sync and shifted ones of the same clip have equal weight.
    """
    shifted = (batch.clip[:, None] == batch.clip) & ~_diagonal(cosines)
    probability = cosines.clamp(1e-6, 1 - 1e-6)
    return -(probability.diagonal().log().mean() + (1 - probability[shifted]).log().mean()) / 2


def contrastive_loss(cosines: Tensor, batch: Batch, temperature: float) -> Tensor:
    """InfoNCE of cosines (n, n): cross entropy of choosing the sound of each mouth, and the mouth
    of each sound, among those of the same person. Who speaks must not help.
    """
    other = batch.person[:, None] != batch.person
    logits = (cosines / temperature).masked_fill(other, float("-inf"))
    right = torch.arange(len(logits), device=logits.device)
    return (functional.cross_entropy(logits, right) + functional.cross_entropy(logits.T, right)) / 2


def mouth_shape_loss(told: Tensor, batch: Batch) -> Tensor:
    """Smooth L1 of the mouth shapes (n, 40) that an embedding tells, where they are known."""
    known = ~batch.shapes.isnan()
    # A sum, since the mean of nothing is not a number.
    error = functional.smooth_l1_loss(told[known], batch.shapes[known], reduction="sum")
    return error / told.numel()


@dataclass(frozen=True)
class Metrics:
    """How an expert does on clips it does not learn from."""

    loss: float  # sync_loss
    accuracy: float  # of telling pairs in sync from shifted ones, as many of each, 0..1
    ranking: float  # how often a mouth's own sound is closer than a shifted one, 0..1


@torch.inference_mode()
def validate(network: nn.Module, validation: list[Batch]) -> Metrics:
    """The mean metrics of some mini-batches."""
    network.eval()
    rows = []
    for batch in validation:
        sound, mouth = _embedded(network, batch)
        cosines = sound @ mouth.T
        shifted = (batch.clip[:, None] == batch.clip) & ~_diagonal(cosines)
        own = cosines.diagonal()
        kept, refused = (own > 0.5).float().mean(), (cosines[shifted] <= 0.5).float().mean()
        # In column j is mouth j, against the sounds of all rows.
        closer = (own > cosines)[shifted].float().mean()
        rows.append((sync_loss(cosines, batch).item(), (kept + refused).item() / 2, closer.item()))
    return Metrics(*np.mean(rows, axis=0).tolist())


def stacked(mouths: np.ndarray) -> np.ndarray:
    """Lower halves (5, 48, 96, 3), RGB, as the expert sees them: (15, 48, 96), BGR."""
    channels = mouths[:, :, :, ::-1].transpose(0, 3, 1, 2)
    return np.ascontiguousarray(channels.reshape(-1, *mouths.shape[1:3]))


def _embedded(network: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """Sounds and mouths as unit vectors (n, k), float32."""
    with mixed_precision(batch.faces.device):
        sound, mouth = network(batch.mel, batch.faces)
    return sound.float(), mouth.float()


def _mouth_shape_heads(network: nn.Module, batch: Batch) -> nn.ModuleList:
    """From each embedding to the mouth shapes: linear, so that directions mean shapes."""
    with torch.inference_mode():
        width = _embedded(network.eval(), batch)[0].shape[1]
    return nn.ModuleList([nn.Linear(width, batch.shapes.shape[1]) for _ in range(2)])


def _diagonal(cosines: Tensor) -> Tensor:
    return torch.eye(len(cosines), dtype=torch.bool, device=cosines.device)


def _sample_clips(clips: list[windows.Clip], count: int, rng: np.random.Generator) -> list[int]:
    """Random clips, some of each of a few persons, who are drawn by the square root of their number
    of clips.
    """
    members = windows.by_person(clips)
    weights = np.sqrt([len(each) for each in members.values()])
    persons = list(members.values())
    most = min(max(1, count // CLIPS_OF_A_PERSON), len(persons))
    drawn = rng.choice(len(persons), most, replace=False, p=weights / weights.sum())
    each = max(1, count // most)
    return [
        int(index)
        for person in drawn
        for index in rng.choice(persons[person], min(each, len(persons[person])), replace=False)
    ]


def _color_jitter(mouths: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Pictures (n, h, w, 3) uint8 under another light, float32 in 0..1; sometimes in grey, blurred,
    or partly hidden (random erasing).
    """
    column = np.ascontiguousarray(mouths).reshape(-1, *mouths.shape[2:])
    if rng.random() < 0.2:
        column = cv2.GaussianBlur(column, (0, 0), rng.uniform(0.5, 1.5))
    levels = (np.arange(256)[:, None] / 255) ** rng.uniform(0.7, 1.4)
    levels = (levels - 0.5) * rng.uniform(0.7, 1.2) + rng.uniform(0.4, 0.6)
    levels = 255 * levels * rng.uniform(0.9, 1.1, 3)
    column = cv2.LUT(column, levels.clip(0, 255).astype(np.uint8)[None])
    colour = 0 if rng.random() < 0.2 else rng.uniform(0.5, 1.4)
    column = cv2.transform(column, colour * np.eye(3) + (1 - colour) / 3)
    lit = column.reshape(mouths.shape)
    if rng.random() < 0.3:
        y, x = rng.integers(0, HALF), rng.integers(0, windows.SIDE)
        lit[:, y : y + 16, x : x + 24] = rng.integers(256)
    return lit / np.float32(255)


def _strip(batch: Batch) -> Strip:
    """The middle frames of the first windows."""
    faces = (batch.faces[:8, 6:9].permute(0, 2, 3, 1).flip(-1) * 255).byte().cpu().numpy()
    return Strip("what it sees on the validation clips", list(faces))


if __name__ == "__main__":
    command_line.expert()
