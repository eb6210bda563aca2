"""Train the paper's generator: the lower half of a face, drawn to fit the sound.

    mouth train generator PREPARED RUN --expert EXPERT

As in Prajwal et al. 2020: five frames in a row are drawn at a time, each from its upper half, a
reference elsewhere in the clip, and its sound. What is drawn should look like the frames (L1), and
a frozen sync expert should find it in sync. The expert counts for nothing until it rarely objects,
or the generator would learn to please it with something that is no face. `discriminator` adds the
visual quality discriminator; `lip_weight` lets the mouth count more in the L1, as in studies of
LipGAN. RUN/generator.pt is the best result on the validation clips, in Wav2Lip's own layout;
RUN/report.html shows how it goes.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from media.probe import content_hash
from wav2lip import expert, weights
from wav2lip.inference import channels_last
from wav2lip.networks import QualityDiscriminator, Wav2Lip
from wav2lip.training import state, windows
from wav2lip.training.loop import Learner, Training, mixed_precision
from wav2lip.training.report import Report, Strip

TRIALS = 4
RATE, TUNING_RATE = 1e-4, 2e-5
# Where the mouth is in nearly all of 150 clips, in rows and columns of a face's 96 pixels.
MOUTH = (slice(50, 78), slice(22, 76))

SYNC_CURVE = "validation sync loss of what is drawn"


@dataclass(frozen=True)
class Config:
    """What decides how a run goes; the paper's numbers where it gives any."""

    steps: int = 200_000
    rate: float = 0.0  # 0: RATE, or TUNING_RATE after a start
    batch: int = 16  # windows of five frames
    sync_weight: float = 0.03
    sync_below: float = 0.75  # the expert counts once its validation loss has been this low
    discriminator: bool = False
    discriminator_weight: float = 0.07
    lip_weight: float = 1.0
    look_every: int = 500
    patience: int = 0
    seed: int = 0
    start: str | None = None


@dataclass(frozen=True)
class Batch:
    """Windows of five frames; pictures BGR in 0..1."""

    heard: Tensor  # (n, 5, 1, 80, 16) the sound of each frame
    mel: Tensor  # (n, 1, 80, 16) the sound of all five
    faces: Tensor  # (n, 6, 5, 96, 96) frames without lower halves, references
    target: Tensor  # (n, 3, 5, 96, 96)

    def to(self, device: str) -> "Batch":
        return Batch(*(value.to(device) for value in vars(self).values()))


@dataclass(frozen=True)
class Draw:
    """Draws the batch of a step."""

    clips: list[windows.Clip]
    config: Config
    trial: bool = False

    def __call__(self, step: int) -> Batch:
        rng = state.generator(self.config.seed + self.trial, step)
        shares = windows.shares(self.clips)
        chosen = rng.choice(len(self.clips), self.config.batch, p=shares)
        drawn = [_window(self.clips[index], rng) for index in chosen]
        heard, target, reference = (
            torch.from_numpy(np.stack(part)) for part in zip(*drawn, strict=True)
        )
        masked = target.clone()
        masked[..., windows.SIDE // 2 :, :] = 0
        return Batch(heard, heard[:, 0], torch.cat((masked, reference), 1), target)


def main(
    prepared: Path,
    run: Path,
    config: Config,
    expert_file: Path,
    table: Path | None = None,
    lags: Path | None = None,
    device: str = "cpu",
    workers: int = 0,
) -> Path:
    """Train on a folder that `windows.load` reads; returns run/generator.pt.

    `config.start` is the name or the file of a generator to go on from. Raises NamedError
    `nothing-prepared`, `checkpoint-corrupt`, `checkpoint-missing`, `checkpoint-unsuitable`, or
    `other-run` where `run` holds a run of another configuration.
    """
    learned, unseen = windows.load(prepared, table, lags)
    trials = [Draw(unseen, config, trial=True)(number).to(device) for number in range(TRIALS)]
    judge = channels_last(expert.load(expert_file), device).requires_grad_(False)
    print(f"{len(learned)} clips to learn from, {len(unseen)} to validate on")

    state.generator(config.seed, 2**31 - 1)
    generator = channels_last(Wav2Lip(), device)
    if config.start:
        _begin(generator, config.start)
    rate = config.rate or (TUNING_RATE if config.start else RATE)
    learners = {"generator": Learner(generator, rate)}
    critic = channels_last(QualityDiscriminator(), device) if config.discriminator else None
    if critic:
        learners["discriminator"] = Learner(critic, rate)
    teacher = f"{expert_file.name} {content_hash(expert_file)[:12]}"
    described = {**asdict(config), "expert": teacher}
    report = Report(run / "report.html", "Training a generator")
    training = Training(run, described, learners, report)

    for step, batch in training.steps(Draw(learned, config), device, workers):
        drawn = _drawn(generator, batch)
        sync_weight = config.sync_weight if trusted(training, config) else 0.0
        critic_weight = config.discriminator_weight if critic else 0.0
        loss = (1 - sync_weight - critic_weight) * likeness(drawn, batch.target, config.lip_weight)
        if sync_weight:
            loss = loss + sync_weight * sync_loss(judge, batch.mel, drawn)
        if critic:
            loss = loss + critic_weight * _opinion(critic, drawn, real=True)
        training.descend(loss, "generator")
        if critic:
            seen = _opinion(critic, batch.target, real=True)
            made = _opinion(critic, drawn.detach(), real=False)
            training.descend((seen + made) / 2, "discriminator")
        if training.looks(step):
            likely, in_sync, strips = validate(generator, judge, trials, config)
            training.note("validation L1", likely)
            training.note(SYNC_CURVE, in_sync)
            score = (1 - config.sync_weight) * likely + config.sync_weight * in_sync
            if training.judge(score):
                state.save(run / "generator.pt", training.checkpoint("generator", "wav2lip"))
            training.show(strips)
    return run / "generator.pt"


def trusted(training: Training, config: Config) -> bool:
    """Whether the expert has found what is drawn passable yet, and may teach."""
    return any(loss < config.sync_below for _, loss in training.curves.get(SYNC_CURVE, ()))


def likeness(drawn: Tensor, target: Tensor, lip_weight: float) -> Tensor:
    """Mean absolute difference; each pixel around the mouth counts `lip_weight` times."""
    weight = torch.ones(target.shape[-2:], device=target.device)
    weight[MOUTH] = lip_weight
    return ((drawn - target).abs() * weight).mean() / weight.mean()


def sync_loss(judge: nn.Module, mel: Tensor, drawn: Tensor) -> Tensor:
    """Binary cross entropy of the expert's cosine with being in sync."""
    lower = drawn[..., windows.SIDE // 2 :, :]
    # Five frames of three channels each: the frame varies slowest.
    stacked = lower.transpose(1, 2).flatten(1, 2)
    with mixed_precision(drawn.device):
        sound, mouth = judge(mel, stacked)
    cosine = (sound.float() * mouth.float()).sum(1)
    return -cosine.clamp(1e-6, 1).log().mean()


@torch.inference_mode()
def validate(
    generator: nn.Module, judge: nn.Module, trials: list[Batch], config: Config
) -> tuple[float, float, list[Strip]]:
    """Likeness, sync loss, and what the first windows of each trial look like."""
    generator.eval()
    likely, in_sync, strips = [], [], []
    for trial in trials:
        drawn = _drawn(generator, trial)
        likely.append(likeness(drawn, trial.target, config.lip_weight).item())
        in_sync.append(sync_loss(judge, trial.mel, drawn).item())
        row = [picture for part in (trial.faces[0, 3:], drawn[0], trial.target[0])
               for picture in _pictures(part)]  # fmt: skip
        strips.append(Strip("reference | made | real", row))
    return float(np.mean(likely)), float(np.mean(in_sync)), strips


def _window(
    clip: windows.Clip, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sounds (5, 1, 80, 16), five frames, and five others of the clip, (3, 5, 96, 96) each."""
    starts = clip.length - windows.FRAMES + 1
    first = int(rng.integers(starts))
    other = int((first + rng.integers(1, starts)) % starts)
    # Each frame hears what the engine will let it hear, from its own beginning on.
    heard = [clip.heard(index) for index in range(first, first + windows.FRAMES)]
    return np.stack(heard)[:, None], _faces(clip, first), _faces(clip, other)


def _faces(clip: windows.Clip, first: int) -> np.ndarray:
    faces = windows.placed(clip.faces(first, windows.FRAMES), clip.region)
    return np.ascontiguousarray(faces[..., ::-1].transpose(3, 0, 1, 2) / np.float32(255))


def _drawn(generator: nn.Module, batch: Batch) -> Tensor:
    """(n, 3, 5, 96, 96), float32 in 0..1."""
    with mixed_precision(batch.faces.device):
        return generator(batch.heard, batch.faces).float()


def _opinion(critic: nn.Module, faces: Tensor, real: bool) -> Tensor:
    """Binary cross entropy of the discriminator with `real`."""
    with mixed_precision(faces.device):
        probability = critic(faces).float().clamp(1e-6, 1 - 1e-6)
    return functional.binary_cross_entropy(probability, torch.full_like(probability, float(real)))


def _begin(generator: nn.Module, name: str) -> None:
    remedy = "Choose one that `mouth checkpoints` lists as wav2lip, or `mouth train compact`."
    path = weights.locate_only(name, "wav2lip", f"{name} is no generator of Wav2Lip.", remedy)
    try:
        generator.load_state_dict(weights.load_state_dict(path))
    except RuntimeError as error:
        raise weights.corrupt(path) from error


def _pictures(frames: Tensor) -> list[np.ndarray]:
    """Every other of five BGR frames (3, 5, 96, 96), as RGB uint8."""
    levels = (255 * frames[:, ::2]).round().byte().permute(1, 2, 3, 0).flip(-1)
    return list(levels.cpu().numpy())
