"""Train a sync expert: does this mouth say this sound?

    mouth train expert PREPARED RUN

The loss is the paper's (Prajwal et al. 2020): the cosine of the two embeddings is the probability
that they are in sync, negatives are the same clip's sound shifted. Every window of a batch meets
every other of its clip, so one pass through the networks judges many pairs. In the first part of a
run a contrastive loss is added, over the windows of one person (InfoNCE, van den Oord et al.,
2018), which then leaves the cosines to the first. Where mouth shapes are known (files of
wav2lip.training.prepare), both embeddings have to tell them in that part: otherwise an expert
guesses at even chances for thousands of steps before it finds the mouth. RUN/expert.pt is the best
result on the validation clips, a running mean of the weights; RUN/report.html shows how it goes.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from wav2lip import expert
from wav2lip.inference import channels_last
from wav2lip.training import state, windows
from wav2lip.training.augment import augmented
from wav2lip.training.loop import Learner, Training, mixed_precision
from wav2lip.training.report import Report, Strip
from wav2lip.training.stretches import stretches

TRIALS = 12
RATES = {"light": 2e-3, "paper": 1e-4}
TEMPERATURE, HINT = 0.07, 4.0
CLIPS_OF_A_PERSON = 4
# Frames of a piece of a clip: enough for six windows LEAST_SHIFT apart, all of one moment.
STRETCH = 36
AVERAGE = 0.999  # see loop.Learner
HALF = windows.SIDE // 2
# Pixels of 96, share of the face's width and height; boxes of other detectors are as different.
SHIFT, SCALE = 4.0, 0.07


@dataclass(frozen=True)
class Config:
    """What decides how a run goes. The paper's expert: network "paper", contrast 0."""

    steps: int = 6000
    network: str = "light"
    rate: float = 0.0  # 0: RATES, a fifth of that after a start
    clips: int = 16  # of a batch
    windows: int = 6  # of a clip, at most
    contrast: float = 0.7  # share of the steps with the contrastive loss
    squeeze: float = 0.2  # faces drawn narrower by up to this share: some boxes are square
    look_every: int = 250
    patience: int = 0
    seed: int = 0
    start: str | None = None


@dataclass(frozen=True)
class Batch:
    """Windows of some clips, those of a clip at least LEAST_SHIFT frames apart."""

    mel: Tensor  # (n, 1, 80, 16)
    faces: Tensor  # (n, 15, 48, 96) BGR in 0..1
    shapes: Tensor  # (n, 40) of the five frames, NaN where unknown
    clip: Tensor  # (n,)
    person: Tensor  # (n,)

    def to(self, device: str) -> "Batch":
        return Batch(*(value.to(device) for value in vars(self).values()))


@dataclass(frozen=True)
class Draw:
    """Draws the batch of a step from some clips, augmented unless it is a trial."""

    clips: list[windows.Clip]
    config: Config
    trial: bool = False

    def __call__(self, step: int) -> Batch:
        rng = state.generator(self.config.seed + self.trial, step)
        mels, faces, shapes, clips, persons = [], [], [], [], []
        for number, index in enumerate(_chosen(self.clips, self.config.clips, rng)):
            clip = self.clips[index]
            for first in windows.spaced(clip, self.config.windows, rng):
                mels.append(clip.heard(int(first)))
                faces.append(self._mouths(clip, int(first), rng))
                shapes.append(clip.shapes(int(first)).ravel())
                clips.append(number)
                persons.append(clip.person)
        mel = torch.from_numpy(np.stack(mels))
        _, numbers = np.unique(persons, return_inverse=True)
        return Batch(
            (mel if self.trial else augmented(mel, rng))[:, None],
            torch.from_numpy(np.stack(faces)).contiguous(memory_format=torch.channels_last),
            torch.from_numpy(np.stack(shapes)),
            torch.tensor(clips),
            torch.from_numpy(numbers),
        )

    def _mouths(self, clip: windows.Clip, first: int, rng: np.random.Generator) -> np.ndarray:
        """The lower halves of five frames, (15, 48, 96) BGR in 0..1."""
        faces = clip.faces(first, windows.FRAMES)
        if self.trial:
            return stacked(windows.placed(faces, clip.region)[:, HALF:] / np.float32(255))
        place = np.array([*rng.uniform(-SHIFT, SHIFT, 2), *1 + rng.uniform(-SCALE, SCALE, 2)])
        place[2] *= 1 - rng.uniform(0, self.config.squeeze)
        faces = windows.placed(faces, clip.region, place)[:, HALF:]
        return stacked(_relit(faces[:, :, ::-1] if rng.random() < 0.5 else faces, rng))


def main(
    prepared: Path,
    run: Path,
    config: Config,
    table: Path | None = None,
    lags: Path | None = None,
    device: str = "cpu",
    workers: int = 0,
) -> Path:
    """Train on a folder that `windows.load` reads; returns run/expert.pt, best on validation.

    `config.start` is a file of weights to go on from. Raises NamedError `nothing-prepared` and
    `checkpoint-corrupt`, or `other-run` where `run` holds a run of another configuration.
    """
    learned, unseen = (stretches(clips, STRETCH) for clips in windows.load(prepared, table, lags))
    trials = [Draw(unseen, config, trial=True)(number).to(device) for number in range(TRIALS)]
    print(f"{len(learned)} stretches to learn from, {len(unseen)} to validate on")

    state.generator(config.seed, 2**31 - 1)
    begun = expert.load(Path(config.start)) if config.start else expert.NETWORKS[config.network]()
    network = channels_last(begun, device)
    hints = _hints(network, trials[0]).to(device)
    rate = config.rate or RATES[config.network] / (5 if config.start else 1)
    learners = {"expert": Learner(network, rate, average=AVERAGE), "hints": Learner(hints, rate)}
    report = Report(run / "report.html", "Training a sync expert")
    training = Training(run, asdict(config), learners, report)

    for step, batch in training.steps(Draw(learned, config), device, workers):
        sound, mouth = _embedded(network, batch)
        cosines = sound @ mouth.T
        loss = in_or_out(cosines, batch)
        if step < config.contrast * config.steps:
            told = hint(hints[0](sound), batch) + hint(hints[1](mouth), batch)
            loss = loss + contrast(cosines, batch) + HINT * told
        training.descend(loss, "expert", "hints")
        if training.looks(step):
            figures = validate(training.settled("expert"), trials)
            training.note("told in sync from shifted", figures.told)
            training.note("own sound closer than a shifted one", figures.closer)
            if training.judge(figures.loss):
                state.save(run / "expert.pt", training.checkpoint("expert", "syncnet"))
            training.show([_strip(trials[0])])
    return run / "expert.pt"


def in_or_out(cosines: Tensor, batch: Batch) -> Tensor:
    """Binary cross entropy of the cosines (n, n) of sounds, in rows, with mouths, in columns.

    Pairs in sync and shifted ones of the same clip have equal weight.
    """
    shifted = (batch.clip[:, None] == batch.clip) & ~_diagonal(cosines)
    probability = cosines.clamp(1e-6, 1 - 1e-6)
    return -(probability.diagonal().log().mean() + (1 - probability[shifted]).log().mean()) / 2


def contrast(cosines: Tensor, batch: Batch) -> Tensor:
    """Cross entropy of choosing the sound of each mouth, and the mouth of each sound, among those
    of the same person: who speaks must not help.
    """
    other = batch.person[:, None] != batch.person
    logits = (cosines / TEMPERATURE).masked_fill(other, float("-inf"))
    right = torch.arange(len(logits), device=logits.device)
    return (functional.cross_entropy(logits, right) + functional.cross_entropy(logits.T, right)) / 2


def hint(told: Tensor, batch: Batch) -> Tensor:
    """How far the mouth shapes that an embedding tells are from those that are known."""
    known = ~batch.shapes.isnan()
    # A sum, since the mean of nothing is not a number.
    error = functional.smooth_l1_loss(told[known], batch.shapes[known], reduction="sum")
    return error / told.numel()


@dataclass(frozen=True)
class Figures:
    """How an expert does on clips it does not learn from."""

    loss: float
    told: float  # share of pairs told in sync or shifted at an even chance, both kinds alike
    closer: float  # share of pairs where a mouth's own sound is closer than a shifted one


@torch.inference_mode()
def validate(network: nn.Module, trials: list[Batch]) -> Figures:
    """The mean figures of some batches."""
    network.eval()
    rows = []
    for trial in trials:
        sound, mouth = _embedded(network, trial)
        cosines = sound @ mouth.T
        shifted = (trial.clip[:, None] == trial.clip) & ~_diagonal(cosines)
        own = cosines.diagonal()
        kept, refused = (own > 0.5).float().mean(), (cosines[shifted] <= 0.5).float().mean()
        # In column j is mouth j, against the sounds of all rows.
        closer = (own > cosines)[shifted].float().mean()
        rows.append((in_or_out(cosines, trial).item(), (kept + refused).item() / 2, closer.item()))
    return Figures(*np.mean(rows, axis=0).tolist())


def stacked(mouths: np.ndarray) -> np.ndarray:
    """Lower halves (5, 48, 96, 3), RGB, as the expert sees them: (15, 48, 96), BGR."""
    channels = mouths[:, :, :, ::-1].transpose(0, 3, 1, 2)
    return np.ascontiguousarray(channels.reshape(-1, *mouths.shape[1:3]))


def _embedded(network: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """Sounds and mouths as unit vectors (n, k), float32."""
    with mixed_precision(batch.faces.device):
        sound, mouth = network(batch.mel, batch.faces)
    return sound.float(), mouth.float()


def _hints(network: nn.Module, trial: Batch) -> nn.ModuleList:
    """From each embedding to the mouth shapes: linear, so that directions mean shapes."""
    with torch.inference_mode():
        wide = _embedded(network.eval(), trial)[0].shape[1]
    return nn.ModuleList([nn.Linear(wide, trial.shapes.shape[1]) for _ in range(2)])


def _diagonal(cosines: Tensor) -> Tensor:
    return torch.eye(len(cosines), dtype=torch.bool, device=cosines.device)


def _chosen(clips: list[windows.Clip], count: int, rng: np.random.Generator) -> list[int]:
    """Random clips, some of each of a few persons, who are drawn by the root of their number."""
    members = windows.by_person(clips)
    shares = np.sqrt([len(each) for each in members.values()])
    persons = list(members.values())
    most = min(max(1, count // CLIPS_OF_A_PERSON), len(persons))
    drawn = rng.choice(len(persons), most, replace=False, p=shares / shares.sum())
    each = max(1, count // most)
    return [
        int(index)
        for person in drawn
        for index in rng.choice(persons[person], min(each, len(persons[person])), replace=False)
    ]


def _relit(mouths: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Pictures (n, h, w, 3) uint8 under another light, float32 in 0..1; sometimes without colour,
    or softer, or partly hidden.
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
