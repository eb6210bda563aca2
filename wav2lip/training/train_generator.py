"""Train the paper's generator: the lower half of a face, drawn to fit the sound.

    mouth train generator PREPARED RUN --expert EXPERT

As in Prajwal et al. 2020: five frames in a row are drawn at a time, each from its upper half, a
reference elsewhere in the clip, and its sound. What is drawn should look like the frames (L1), and
a frozen sync expert should find it in sync. The expert counts for nothing until it rarely objects,
or the generator would learn to please it with something that is no face. `discriminator` adds the
visual quality discriminator; `lip_weight` lets the mouth count more in the L1, as in studies of
LipGAN. RUN/generator.pt is the best result on the validation clips, in Wav2Lip's own layout;
RUN/report.html shows how it goes. Hyper-parameters: config.GeneratorConfig.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from media.probe import content_hash
from wav2lip import expert, weights
from wav2lip.evaluation.expert import locate as locate_expert
from wav2lip.inference import channels_last
from wav2lip.networks import QualityDiscriminator, Wav2Lip
from wav2lip.training import command_line, state, windows
from wav2lip.training.batches import BatchSampler, TensorBatch, seed_torch
from wav2lip.training.config import GeneratorConfig
from wav2lip.training.loop import Learner, Training, mixed_precision
from wav2lip.training.report import Report, Strip

VALIDATION_BATCHES = 4
# Where the mouth is in nearly all of 150 clips, in rows and columns of a face's 96 pixels.
MOUTH = (slice(50, 78), slice(22, 76))

SYNC_CURVE = "validation sync loss of what is drawn"


@dataclass(frozen=True)
class Batch(TensorBatch):
    """Windows of five frames; pictures BGR in 0..1."""

    heard: Tensor  # (n, 5, 1, 80, 16) the sound of each frame
    mel: Tensor  # (n, 1, 80, 16) the sound of all five
    faces: Tensor  # (n, 6, 5, 96, 96) frames without lower halves, references
    target: Tensor  # (n, 3, 5, 96, 96)


@dataclass(frozen=True)
class GeneratorSampler(BatchSampler[Batch]):
    """Random windows of some clips, each with a reference of the same clip."""

    clips: list[windows.Clip]
    count: int

    def sample(self, step: int, rng: np.random.Generator) -> Batch:
        probabilities = windows.clip_probabilities(self.clips)
        chosen = rng.choice(len(self.clips), self.count, p=probabilities)
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
    config: GeneratorConfig,
    expert_name: str,
    table: Path | None = None,
    lags: Path | None = None,
    device: str = "cpu",
    workers: int = 0,
) -> Path:
    """Train on a folder that `windows.load` reads; returns run/generator.pt, best on validation.

    `expert_name` is the name or the file of the expert that teaches; `table` and `lags` are for
    `windows.load`; `workers` processes make mini-batches. `config.start` is a generator to go on
    from, a name or a file. Raises NamedError `nothing-prepared`, `checkpoint-corrupt`,
    `checkpoint-missing`, `checkpoint-unsuitable`, or `other-run` where `run` holds a run of another
    configuration.
    """
    teacher_file = locate_expert(expert_name)
    train, unseen = windows.load(prepared, table, lags)
    held_out = GeneratorSampler(config.seed + 1, unseen, config.batch)
    validation = held_out.first(VALIDATION_BATCHES, device)
    teacher = channels_last(expert.load(teacher_file), device).requires_grad_(False)
    print(f"{len(train)} clips to learn from, {len(unseen)} to validate on")

    seed_torch(config.seed, 2**31 - 1)
    generator = channels_last(Wav2Lip(), device)
    if config.start:
        _load_start(generator, config.start)
    learning_rate = config.peak_learning_rate()
    learners = {"generator": Learner(generator, learning_rate)}
    discriminator = None
    if config.discriminator:
        discriminator = channels_last(QualityDiscriminator(), device)
        learners["discriminator"] = Learner(discriminator, learning_rate)
    taught_by = f"{teacher_file.name} {content_hash(teacher_file)[:12]}"
    training = Training(
        run,
        config,
        config.steps,
        learners,
        Report(run / "report.html", "Training a generator"),
        {**asdict(config), "expert": taught_by},
    )

    sampler = GeneratorSampler(config.seed, train, config.batch)
    for step, batch in training.steps(sampler, device, workers):
        drawn = _draw(generator, batch)
        sync_weight = config.sync_weight if is_expert_trusted(training, config) else 0.0
        gan_weight = config.discriminator_weight if discriminator else 0.0
        pixels = reconstruction_loss(drawn, batch.target, config.lip_weight)
        loss = (1 - sync_weight - gan_weight) * pixels
        if sync_weight:
            loss = loss + sync_weight * sync_loss(teacher, batch.mel, drawn)
        if discriminator:
            loss = loss + gan_weight * _gan_loss(discriminator, drawn, real=True)
        training.optimizer_step(loss, "generator")
        if discriminator:
            seen = _gan_loss(discriminator, batch.target, real=True)
            made = _gan_loss(discriminator, drawn.detach(), real=False)
            training.optimizer_step((seen + made) / 2, "discriminator")
        if training.is_eval_step(step):
            pixels_off, off_sync, strips = validate(generator, teacher, validation, config)
            training.log("validation L1", pixels_off)
            training.log(SYNC_CURVE, off_sync)
            score = (1 - config.sync_weight) * pixels_off + config.sync_weight * off_sync
            if training.record_validation(score):
                state.save(run / "generator.pt", training.checkpoint("generator", "wav2lip"))
            training.update_report(strips)
    return run / "generator.pt"


def is_expert_trusted(training: Training, config: GeneratorConfig) -> bool:
    """Whether the expert has found what is drawn passable yet, and may teach."""
    return any(loss < config.sync_below for _, loss in training.curves.get(SYNC_CURVE, ()))


def reconstruction_loss(drawn: Tensor, target: Tensor, lip_weight: float) -> Tensor:
    """L1, the mean absolute difference of pictures (n, 3, 5, 96, 96) in 0..1; each pixel around the
    mouth counts `lip_weight` times.
    """
    weight = torch.ones(target.shape[-2:], device=target.device)
    weight[MOUTH] = lip_weight
    return ((drawn - target).abs() * weight).mean() / weight.mean()


def sync_loss(teacher: nn.Module, mel: Tensor, drawn: Tensor) -> Tensor:
    """Binary cross entropy of the expert's cosine with being in sync."""
    lower = drawn[..., windows.SIDE // 2 :, :]
    # Five frames of three channels each: the frame varies slowest.
    stacked = lower.transpose(1, 2).flatten(1, 2)
    with mixed_precision(drawn.device):
        sound, mouth = teacher(mel, stacked)
    cosine = (sound.float() * mouth.float()).sum(1)
    return -cosine.clamp(1e-6, 1).log().mean()


@torch.inference_mode()
def validate(
    generator: nn.Module, teacher: nn.Module, validation: list[Batch], config: GeneratorConfig
) -> tuple[float, float, list[Strip]]:
    """Mean reconstruction loss and sync loss, and pictures of the first window of each batch."""
    generator.eval()
    pixels_off, off_sync, strips = [], [], []
    for batch in validation:
        drawn = _draw(generator, batch)
        pixels_off.append(reconstruction_loss(drawn, batch.target, config.lip_weight).item())
        off_sync.append(sync_loss(teacher, batch.mel, drawn).item())
        row = [picture for part in (batch.faces[0, 3:], drawn[0], batch.target[0])
               for picture in _pictures(part)]  # fmt: skip
        strips.append(Strip("reference | made | real", row))
    return float(np.mean(pixels_off)), float(np.mean(off_sync)), strips


def _window(
    clip: windows.Clip, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sounds (5, 1, 80, 16), five frames, and five others of the clip, (3, 5, 96, 96) each."""
    starts = clip.length - windows.FRAMES + 1
    first = int(rng.integers(starts))
    other = int((first + rng.integers(1, starts)) % starts)
    # Each frame hears what the engine will let it hear, from its own beginning on.
    heard = [clip.mel_window(index) for index in range(first, first + windows.FRAMES)]
    return np.stack(heard)[:, None], _faces(clip, first), _faces(clip, other)


def _faces(clip: windows.Clip, first: int) -> np.ndarray:
    faces = windows.crop_faces(clip.faces(first, windows.FRAMES), clip.region)
    return np.ascontiguousarray(faces[..., ::-1].transpose(3, 0, 1, 2) / np.float32(255))


def _draw(generator: nn.Module, batch: Batch) -> Tensor:
    """(n, 3, 5, 96, 96), float32 in 0..1."""
    with mixed_precision(batch.faces.device):
        return generator(batch.heard, batch.faces).float()


def _gan_loss(discriminator: nn.Module, faces: Tensor, real: bool) -> Tensor:
    """Binary cross entropy of the discriminator with `real`."""
    with mixed_precision(faces.device):
        probability = discriminator(faces).float().clamp(1e-6, 1 - 1e-6)
    return functional.binary_cross_entropy(probability, torch.full_like(probability, float(real)))


def _load_start(generator: nn.Module, name: str) -> None:
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


if __name__ == "__main__":
    command_line.generator()
