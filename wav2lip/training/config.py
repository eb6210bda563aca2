"""The hyper-parameters of every training: one frozen dataclass each, every number once.

Each field is an option of `mouth train`, too, with its help, unit and range (command_line). A
learning rate is the peak of its schedule: linear warm-up, then half a cosine down to 0
(loop.learning_rate_scale).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import click

from wav2lip.param_types import LIP_SYNC, SYNC_EXPERT, VOICE_ACTIVITY

# Peak learning rates of the sync experts by network, and of the paper's generator.
EXPERT_LEARNING_RATES = {"light": 2e-3, "paper": 1e-4}
GENERATOR_LEARNING_RATE = 1e-4


def setting(
    default: Any,
    doc: str,
    unit: str = "",
    *,
    type: click.ParamType | None = None,
    choices: Sequence[str] = (),
    aliases: Sequence[str] = (),
    **bounds: float | bool,
) -> Any:
    """A documented field of a configuration.

    `doc` is the help of its option, `unit` its metavar, and `aliases` are further names of it,
    which scripts may use. `type` is that of the option, where it does not follow from the field's;
    `choices` are the values that a string may have; `bounds` of a number are min, max, min_open and
    max_open, as for click's ranges.
    """
    metadata = {
        "doc": doc,
        "unit": unit,
        "type": type,
        "choices": choices,
        "aliases": aliases,
        "bounds": bounds,
    }
    return field(default=default, metadata=metadata)


def _steps(default: int, of: str = "") -> Any:
    doc = f"Optimizer steps of {of}." if of else "Optimizer steps, one mini-batch each."
    return setting(default, doc, "STEPS", min=1)


def _weight(default: float, doc: str) -> Any:
    return setting(default, doc, "W", min=0)


def _learning_rate(default: float, doc: str, aliases: Sequence[str] = ()) -> Any:
    return setting(default, doc, "R", aliases=aliases, min=0)


def _ema_decay(default: float, doc: str, aliases: Sequence[str] = ()) -> Any:
    return setting(default, doc, "A", aliases=aliases, min=0, max=1, max_open=True)


def _eval_interval(default: int) -> Any:
    doc = "Steps between validations; each saves and rewrites the report, too."
    return setting(default, doc, "STEPS", aliases=("look-every",), min=1)


def _finetune_lr_divisor(default: float) -> Any:
    # A short run at the full rate would forget more than it learns.
    doc = "With --start the usual learning rate is divided by this."
    return setting(default, doc, "D", min=1)


def _start(type: click.ParamType, doc: str = "") -> Any:
    doc = doc or "Fine-tune these weights: a name or a file; at a lower learning rate."
    return setting(None, doc, "CHECKPOINT", type=type)


def _everyone() -> Any:
    return setting(False, "Learn from held-out persons too.")


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """What every training has."""

    eval_interval: int = _eval_interval(250)
    seed: int = setting(
        0, "Seed of weights, mini-batches and dropout: the same one, the same weights.", min=0
    )


@dataclass(frozen=True, kw_only=True)
class ValidatedConfig(RunConfig):
    """What trainings have that validate on held-out clips and may start from weights."""

    patience: int = setting(
        0, "Early stopping: end after N validations without a better one (0: never).", "N", min=0
    )
    start: str | None = _start(LIP_SYNC)


@dataclass(frozen=True, kw_only=True)
class FineTunableConfig(ValidatedConfig):
    """What trainings of one kind of network have."""

    finetune_lr_divisor: float = _finetune_lr_divisor(5.0)

    def usual_learning_rate(self, learning_rate: float) -> float:
        """`learning_rate`, or the lower one of a fine-tune."""
        return learning_rate / self.finetune_lr_divisor if self.start else learning_rate


@dataclass(frozen=True, kw_only=True)
class ExpertConfig(FineTunableConfig):
    """A sync expert. The paper's: network "paper", contrast 0."""

    steps: int = _steps(6000)
    start: str | None = _start(SYNC_EXPERT)
    network: str = setting(
        "light",
        "The paper's SyncNet, or one that a small machine trains in an hour.",
        choices=tuple(EXPERT_LEARNING_RATES),
    )
    learning_rate: float = _learning_rate(
        0.0,
        "Peak learning rate (0: "
        + ", ".join(f"{rate:g} of {name}" for name, rate in EXPERT_LEARNING_RATES.items())
        + "; lower with --start).",
        aliases=("rate",),
    )
    clips: int = setting(16, "Clips of a mini-batch.", "N", min=1)
    windows: int = setting(6, "Windows of a clip in a mini-batch, at most.", "N", min=2)
    contrast: float = setting(
        0.7,
        "Part of the steps, from the first, with a contrastive loss (0: as in the paper).",
        "PART",
        min=0,
        max=1,
    )
    temperature: float = setting(
        0.07, "Temperature of the contrastive loss (InfoNCE).", "T", min=0, min_open=True
    )
    mouth_shape_weight: float = _weight(
        4.0, "Weight of the auxiliary loss: mouth shapes that embeddings have to tell."
    )
    squeeze: float = setting(
        0.2,
        "Augmentation: faces narrower by up to this part, since some boxes are square.",
        "PART",
        min=0,
        max=1,
        max_open=True,
    )
    ema_decay: float = _ema_decay(0.999, "Decay of the EMA of the weights, which is what is kept.")

    def peak_learning_rate(self) -> float:
        """The learning rate asked for, else the network's, lower for a fine-tune."""
        return self.learning_rate or self.usual_learning_rate(EXPERT_LEARNING_RATES[self.network])


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig(FineTunableConfig):
    """The paper's generator; its numbers where it gives any."""

    steps: int = _steps(200_000)
    eval_interval: int = _eval_interval(500)
    learning_rate: float = _learning_rate(
        0.0,
        f"Peak learning rate, of the discriminator too (0: {GENERATOR_LEARNING_RATE:g}; "
        "lower with --start).",
        aliases=("rate",),
    )
    batch: int = setting(16, "Windows of five frames in a mini-batch.", "N", min=1)
    sync_weight: float = setting(0.03, "Weight of the expert's loss.", "W", min=0, max=1)
    sync_below: float = setting(
        0.75,
        "The expert teaches once its loss on validation clips has been below this.",
        "LOSS",
    )
    discriminator: bool = setting(False, "Add the visual quality discriminator.")
    discriminator_weight: float = setting(
        0.07, "Weight of the discriminator's loss.", "W", min=0, max=1
    )
    lip_weight: float = setting(
        1.0, "The mouth counts A times in the L1 loss.", "A", min=0, min_open=True
    )

    def peak_learning_rate(self) -> float:
        """The learning rate asked for, else the paper's, lower for a fine-tune."""
        return self.learning_rate or self.usual_learning_rate(GENERATOR_LEARNING_RATE)


@dataclass(frozen=True, kw_only=True)
class VoiceConfig(FineTunableConfig):
    """The voice nets of compact: sound to mouth shape."""

    steps: int = _steps(3000, "each voice net")
    scoring_steps: int = _steps(400, "the net that tells which clips are in sync")
    nets: int = setting(2, "Voice nets, whose answers are averaged.", "N", min=1)
    batch: int = setting(48, "Sequences of 1.2 s in a mini-batch.", "N", min=1)
    learning_rate: float = _learning_rate(3e-3, "Peak learning rate.")
    finetune_lr_divisor: float = _finetune_lr_divisor(3.0)
    weight_decay: float = _weight(3e-2, "Weight decay (AdamW).")
    ema_decay: float = _ema_decay(0.995, "Decay of the EMA of the weights, which is what is kept.")
    motion_weight: float = _weight(
        2.0, "Weight of errors of the movement from one answer to the one after next."
    )
    correlation_weight: float = _weight(
        0.5, "Weight of the correlation of a sequence with what was measured, whatever its size."
    )
    everyone: bool = _everyone()


@dataclass(frozen=True, kw_only=True)
class StudentConfig(ValidatedConfig):
    """The speech encoder of compact, distilled from a teacher: sound to mouth shape."""

    steps: int = _steps(12_000, "the student")
    batch: int = setting(9, "Sequences of 6 s in a mini-batch.", "N", min=1)
    learning_rate: float = _learning_rate(2.5e-3, "Peak learning rate of the student.")
    weight_decay: float = _weight(2e-2, "Weight decay (AdamW) of the student.")
    ema_decay: float = _ema_decay(0.998, "Decay of the EMA of the weights, which is what is kept.")
    heads: int = setting(2, "Heads on the teacher, whose answers are averaged.", "N", min=1)
    head_steps: int = _steps(600, "each head")
    head_batch: int = setting(24, "Sequences of 3 s in a mini-batch of the heads.", "N", min=1)
    head_learning_rate: float = _learning_rate(3e-3, "Peak learning rate of the heads.")
    head_weight_decay: float = _weight(3e-2, "Weight decay (AdamW) of the heads.")
    labelled: float = setting(
        0.4, "Share of the sequences from clips, beside those of --speech.", "SHARE", min=0, max=1
    )
    pieces: int = setting(
        50, "Pieces of synthetic music, and as many noises, of 10 s each.", "N", min=1
    )
    feature_weight: float = _weight(0.5, "Weight of the teacher's features in the loss.")
    shape_weight: float = _weight(1.0, "Weight of the mouth shapes in the loss.")
    closure_weight: float = _weight(0.5, "Weight of closed lips in the loss.")
    motion_weight: float = _weight(VoiceConfig.motion_weight, "As of the voice nets.")
    correlation_weight: float = _weight(VoiceConfig.correlation_weight, "As of the voice nets.")
    everyone: bool = _everyone()


@dataclass(frozen=True, kw_only=True)
class RendererConfig(FineTunableConfig):
    """The renderer of compact: a face and a mouth shape to the lower face drawn anew."""

    reader_steps: int = _steps(1500, "the network that judges mouths")
    steps: int = _steps(3500, "the renderer on real frames")
    critic_steps: int = _steps(1200, "the renderer with a critic (a patch discriminator)")
    batch: int = setting(32, "Pairs of frames in a mini-batch.", "N", min=1)
    reader_learning_rate: float = _learning_rate(
        2e-3, "Peak learning rate of the network that judges mouths."
    )
    learning_rate: float = _learning_rate(
        1.5e-3, "Peak learning rate of the renderer on real frames."
    )
    adversarial_learning_rate: float = _learning_rate(
        4e-4, "Peak learning rate of the renderer with the critic."
    )
    critic_learning_rate: float = _learning_rate(4e-4, "Peak learning rate of the critic.")
    # More of it paints lipstick and black slits.
    critic_weight: float = _weight(0.006, "Weight of the critic in the renderer's loss.")
    ema_decay: float = _ema_decay(
        0.0,
        "Draw with an EMA of the renderer's weights; its decay (0: no EMA).",
        aliases=("average",),
    )
    everyone: bool = _everyone()


@dataclass(frozen=True, kw_only=True)
class SpeechConfig(RunConfig):
    """The voice activity net: speech, or music and noise."""

    steps: int = _steps(2000)
    pieces: int = setting(
        400, "Pieces of synthetic music, and as many noises, of 10 s each.", "N", min=1
    )
    vowels: int = setting(
        80, "Pieces of synthetic held vowels, as in singing, of 10 s each.", "N", min=0
    )
    start: str | None = _start(VOICE_ACTIVITY)
    learning_rate: float = _learning_rate(4e-3, "Peak learning rate.")
    finetune_lr_divisor: float = _finetune_lr_divisor(5.0)
    weight_decay: float = _weight(1e-2, "Weight decay (AdamW).")
    ema_decay: float = _ema_decay(0.99, "Decay of the EMA of the weights, which is what is kept.")

    def peak_learning_rate(self) -> float:
        """The learning rate, or the lower one of a fine-tune."""
        return self.learning_rate / self.finetune_lr_divisor if self.start else self.learning_rate


@dataclass(frozen=True, kw_only=True)
class CompactConfig(ValidatedConfig):
    """Voice nets and renderer in one go, by the numbers of their own configurations."""

    voice_steps: int = _steps(VoiceConfig.steps, "each voice net")
    reader_steps: int = _steps(RendererConfig.reader_steps, "the network that judges mouths")
    renderer_steps: int = _steps(RendererConfig.steps, "the renderer on real frames")
    critic_steps: int = _steps(RendererConfig.critic_steps, "the renderer with a critic")
    ema_decay: float = _ema_decay(
        RendererConfig.ema_decay,
        "Draw with an EMA of the renderer's weights; its decay (0: no EMA).",
        aliases=("average",),
    )
    everyone: bool = _everyone()
    start: str | None = _start(
        LIP_SYNC, "Fine-tune these weights, `compact` say; without a --table to everyone in CLIPS."
    )

    def voice(self) -> VoiceConfig:
        """The configuration of the voice nets."""
        return VoiceConfig(steps=self.voice_steps, **self._shared())

    def renderer(self) -> RendererConfig:
        """The configuration of the renderer."""
        return RendererConfig(
            reader_steps=self.reader_steps,
            steps=self.renderer_steps,
            critic_steps=self.critic_steps,
            ema_decay=self.ema_decay,
            **self._shared(),
        )

    def _shared(self) -> dict[str, Any]:
        names = ("eval_interval", "seed", "patience", "start", "everyone")
        return {name: getattr(self, name) for name in names}
