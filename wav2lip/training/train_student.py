"""Train the speech encoder of compact: distilled from a teacher, then trained on clips with it.

    mouth train student PREPARED RUN --teacher tiny.en.pt --speech SPEECH --table clips.csv

Small heads learn the mouth shapes of the clips from the teacher's features, find which clips are in
sync (RUN/lags.json) and label all speech. The student learns from augmented mel the features, the
labels, and the mouths of the clips, all at once. RUN/voice.pt is the result, for
`wav2lip.training.export`; the teacher is in none of it. A killed run goes on from RUN/speech.npz,
RUN/head-0 ... and RUN/student. Hyper-parameters: config.StudentConfig.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from wav2lip.compact import mouth_shape, voice_net
from wav2lip.compact.speech_encoder import LIVE, OFFLINE, WIDTH, SpeechEncoder
from wav2lip.training import (
    av_offset,
    command_line,
    dataset,
    sequences,
    shape_head,
    speech_corpus,
    state,
    teacher,
    train_voice,
    voice_activity_data,
)
from wav2lip.training.amplitude import with_real_amplitude
from wav2lip.training.batches import seed_torch
from wav2lip.training.config import StudentConfig
from wav2lip.training.distillation_data import Batch, DistillationSampler, Source
from wav2lip.training.loop import Learner, Training, mixed_precision
from wav2lip.training.report import Report
from wav2lip.training.shape_head import Labelled, Normalization, ShapeHead
from wav2lip.training.speech_corpus import Recording
from wav2lip.training.stages import Stages, description

BETAS = (0.9, 0.99)
# Of the loss; the live exit is an aid to the offline one, too.
LIVE_WEIGHT, OFFLINE_WEIGHT = 0.4, 0.6
# Outputs of the live exit that come before the first of the offline one.
EARLY = (OFFLINE.before - LIVE.before) // voice_net.STRIDE
OPENINGS = slice(0, 2)
# Of closed lips in the loss, beside lips that are not: they are closed a thirtieth of the time.
CLOSED_WEIGHT = 2.0


class Student(nn.Module):
    """The encoder, and for each exit a projection to the teacher's features."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = SpeechEncoder()
        self.features = nn.ModuleList(nn.Conv1d(WIDTH, teacher.WIDTH, 1) for _ in range(2))

    def forward(self, mel: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Features (b, 384, n) and outputs (b, 9, n) of the live and of the offline exit."""
        live, offline = self.encoder.exits(mel)
        instants = slice(EARLY, EARLY + offline.shapes.shape[2])
        return [
            (self.features[0](live.hidden[:, :, instants]), live.outputs[:, :, instants]),
            (self.features[1](offline.hidden), offline.outputs),
        ]


@dataclass(frozen=True)
class _Material:
    """Recordings of clips, recordings of other speech, and what is known of the clips."""

    clips: dict[str, dataset.Clip]
    labelled: list[Recording]
    unlabelled: list[Recording]
    normalization: Normalization

    def features(self, recording: Recording) -> np.ndarray:
        """Normalized features (n, 384) of a recording at the outputs of a voice network."""
        return self.normalization(recording.features_at_outputs())

    def person(self, recording: Recording) -> str:
        return self.clips[recording.placed[0].clip].person

    def labels(
        self, recordings: list[Recording], lags: dict[str, int]
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Target (n, 8) and known (n,) of each recording of clips."""
        usual = sequences.statistics(list(self.clips.values()))
        return [speech_corpus.targets(each, self.clips, usual, lags) for each in recordings]


def main(
    prepared: Path,
    run: Path,
    teacher_file: Path,
    config: StudentConfig | None = None,
    table: Path | None = None,
    device: str = "cpu",
    speech: Path | None = None,
    recordings: Path | None = None,
    report: Report | None = None,
) -> Path:
    """Train on a folder of `wav2lip.training.prepare`; returns run/voice.pt.

    `teacher_file` is OpenAI's tiny.en.pt, or an .npz of its encoder. `speech` is a folder of
    recordings of speech, those in one folder of it of one speaker; `recordings` one of music and
    noises to put behind it, beside synthetic ones. Raises NamedError `checkpoint-corrupt` for
    another teacher, `nothing-prepared` without clips in sync, `nobody-held-out` and `other-run` as
    `train_voice.main`.
    """
    config = config or StudentConfig()
    clips = [clip for clip in dataset.load(prepared, table) if clip.mel.shape[1]]
    split = dataset.held_out_split(clips, config.everyone, config.patience)
    run.mkdir(parents=True, exist_ok=True)
    described = description(config, split)
    stages = Stages(
        folder=run,
        config=config,
        described=described,
        split=split,
        device=device,
        report=report or Report(run / "report.html", "Training the speech encoder", "student"),
    )
    material = _material(run, split.train, teacher_file, speech, config.seed)
    lags, heads = _heads(stages, material)
    print(f"{len(lags)} of {len(split.train)} clips follow their sound")
    if not lags:
        raise dataset.nothing("The lips follow the sound in none of the clips.")
    encoder = _train(stages, material, lags, heads, recordings)
    if split.unseen:
        print("held-out persons:", train_voice.correlations([encoder], split.validation))
    unit = dataset.mouth_shape_unit(split.train)
    result = {
        "config": described,
        "networks": ["speech_encoder"],
        "nets": [encoder.state_dict()],
        "unit": torch.from_numpy(unit),
        **train_voice.usual_speaker(split.train, lags, unit),
    }
    state.save(run / "voice.pt", result)
    return run / "voice.pt"


def _material(
    run: Path, clips: list[dataset.Clip], teacher_file: Path, speech: Path | None, seed: int
) -> _Material:
    """All recordings with the teacher's features, made once: run/speech.npz."""
    path = run / "speech.npz"
    if not path.exists():
        encoder = teacher.Teacher.load(teacher_file)
        rng = np.random.default_rng(seed)
        speakers = [
            speech_corpus.of_clips(clips),
            speech_corpus.of_folder(speech) if speech else (),
        ]
        made = [
            recording
            for source in speakers
            for recording in tqdm(speech_corpus.recorded(source, encoder, rng), desc="teacher")
        ]
        if not any(recording.placed for recording in made):
            raise dataset.nothing("The clips hold no sound that is long and loud enough.")
        speech_corpus.save(path, made)
    loaded = speech_corpus.load(path)
    some = np.concatenate([recording.features[::11] for recording in loaded])
    return _Material(
        clips={clip.name: clip for clip in clips},
        labelled=[each for each in loaded if each.placed],
        unlabelled=[each for each in loaded if not each.placed],
        normalization=Normalization.of(some),
    )


def _heads(
    run: Stages[StudentConfig], material: _Material
) -> tuple[dict[str, int], list[nn.Module]]:
    """The clips in sync with their lags, in frames, and the heads that learned from them."""
    path = run.folder / "lags.json"
    if path.exists():
        lags = json.loads(path.read_text())
    else:
        head = _head(run, "scoring", material, dict.fromkeys(material.clips, 0), 0)
        lags = _in_sync(material, [head])
        path.write_text(json.dumps(lags, indent=1))
    if not lags:
        return lags, []
    numbers = range(run.config.heads)
    return lags, [_head(run, f"head-{number}", material, lags, 1 + number) for number in numbers]


def _head(
    run: Stages[StudentConfig], stage: str, material: _Material, lags: dict[str, int], number: int
) -> nn.Module:
    config = replace(run.config, seed=run.config.seed + number)
    labels = material.labels(material.labelled, lags)
    recordings = [
        Labelled(material.person(each), material.features(each), *label)
        for each, label in zip(material.labelled, labels, strict=True)
        if label[1].any()
    ]
    seed_torch(config.seed, 2**31 - 1)
    head = ShapeHead().to(run.device)
    learner = Learner(head, config.head_learning_rate, config.head_weight_decay, BETAS)
    training = run.training(
        stage, config.head_steps, {"head": learner}, {"seed": config.seed}, config
    )
    sampler = shape_head.HeadSampler(config.seed, recordings, config.head_batch)
    for step, batch in training.steps(sampler, run.device):
        output = head(batch.features)
        loss = train_voice.mouth_motion_loss(output, batch.target, batch.known, config)
        training.optimizer_step(loss, "head")
        if training.is_eval_step(step):
            training.update_report()
    training.load_final("head")
    return head.cpu().eval()


def _in_sync(material: _Material, heads: list[nn.Module]) -> dict[str, int]:
    """The clips whose lips follow their sound, with their lags in frames."""
    groups: dict[str, list[av_offset.Piece]] = {}
    for recording in material.labelled:
        shapes = shape_head.predict(heads, material.features(recording))
        for piece in recording.placed:
            clip = material.clips[piece.clip]
            frames = round(piece.seconds * sequences.FPS)
            raw = clip.raw[piece.first_frame :][:frames, OPENINGS]
            at = (piece.start + np.arange(len(raw)) / sequences.FPS) * voice_net.OUTPUT_RATE
            predicted = [np.interp(at, np.arange(len(shapes)), column) for column in shapes.T]
            groups.setdefault(clip.group, []).append((np.stack(predicted, 1)[:, OPENINGS], raw))
    lags = av_offset.following(groups)
    return {name: lags[clip.group] for name, clip in material.clips.items() if clip.group in lags}


def _train(
    run: Stages[StudentConfig],
    material: _Material,
    lags: dict[str, int],
    heads: list[nn.Module],
    recordings: Path | None,
) -> SpeechEncoder:
    """The student, with its head scaled for the amplitude of real mouths."""
    config = run.config
    noise = voice_activity_data.others(config.seed, config.pieces, recordings)
    sampler = DistillationSampler(
        config.seed, _sources(material, lags, heads, config), noise.mel, config.batch
    )
    seed_torch(config.seed, 2**31 - 1)
    student = Student().to(run.device)
    learner = Learner(student, config.learning_rate, config.weight_decay, BETAS, config.ema_decay)
    training = run.training("student", config.steps, {"student": learner}, {})
    for step, batch in training.steps(sampler, run.device):
        with mixed_precision(batch.mel.device):
            outputs = student(batch.mel)
        weights = (LIVE_WEIGHT, OFFLINE_WEIGHT)
        losses = [
            weight * distillation_loss(features.float(), told.float(), batch, config)
            for weight, (features, told) in zip(weights, outputs, strict=True)
        ]
        training.optimizer_step(torch.stack(losses).sum(), "student")
        if training.is_eval_step(step):
            _validate(run, training)
    training.load_final("student")
    encoder = student.cpu().encoder
    return with_real_amplitude(encoder, run.split.validation)


def _sources(
    material: _Material, lags: dict[str, int], heads: list[nn.Module], config: StudentConfig
) -> list[Source]:
    """All recordings to draw from; those of clips have `config.labelled` of the chances."""
    labels = material.labels(material.labelled, lags)
    people = [(material.person(each), float(each.outputs)) for each in material.labelled]
    chance = shape_head.person_weights(people)
    chance = chance / chance.sum() * (config.labelled if material.unlabelled else 1.0)
    total = sum(recording.outputs for recording in material.unlabelled)
    measured = [
        *zip(material.labelled, labels, chance, strict=True),
        *(
            (each, _unmeasured(each), (1 - config.labelled) * each.outputs / total)
            for each in material.unlabelled
        ),
    ]
    return [_source(material, heads, *each) for each in measured]


def _unmeasured(recording: Recording) -> tuple[np.ndarray, np.ndarray]:
    """The label of a recording in which no mouth was seen: target (n, 8) and known (n,)."""
    count = recording.outputs
    return np.zeros((count, mouth_shape.COUNT), np.float32), np.zeros(count, np.float32)


def _source(
    material: _Material,
    heads: list[nn.Module],
    recording: Recording,
    label: tuple[np.ndarray, np.ndarray],
    weight: float,
) -> Source:
    features = material.features(recording)
    return Source(
        recording.mel,
        features.astype(np.float16),
        recording.closed,
        shape_head.predict(heads, features),
        *label,
        weight,
    )


def distillation_loss(
    features: Tensor, outputs: Tensor, batch: Batch, config: StudentConfig
) -> Tensor:
    """How far an exit is from the teacher's features, the mouth shapes and closed lips: a scalar.

    Smooth L1 of the normalized features, `train_voice.mouth_motion_loss`, and cross-entropy of the
    log odds that lips are closed, which they seldom are.
    """
    shapes, log_odds = outputs.split((mouth_shape.COUNT, 1), 1)
    apart = functional.smooth_l1_loss(features, batch.features, reduction="none")
    apart = apart.mean(1, keepdim=True) * batch.spoken
    taught = apart.sum() / batch.spoken.sum().clamp(min=1)
    moved = train_voice.mouth_motion_loss(shapes, batch.shapes, batch.known, config)
    known = ~batch.closed.isnan()
    closed = functional.binary_cross_entropy_with_logits(
        log_odds,
        batch.closed.nan_to_num(),
        weight=known.float(),
        pos_weight=log_odds.new_tensor(CLOSED_WEIGHT),
        reduction="sum",
    ) / known.sum().clamp(min=1)
    return (
        config.feature_weight * taught
        + config.shape_weight * moved
        + config.closure_weight * closed
    )


def _validate(run: Stages[StudentConfig], training: Training) -> None:
    """Record how the predicted openings correlate with the measured ones."""
    encoder = training.eval_model("student").get_submodule("encoder")
    scores = train_voice.correlations([encoder], run.split.validation)
    opening = scores[mouth_shape.NAMES[mouth_shape.OPENING]]
    training.log("correlation of the opening", opening)
    if run.split.unseen and training.record_validation(1 - opening):
        training.save_best("student")
    training.update_report()


if __name__ == "__main__":
    command_line.student()
