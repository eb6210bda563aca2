"""Train the voice nets: sound to mouth shape, on clips whose lips follow their sound.

    mouth train voice PREPARED RUN --table clips.csv

A short first training scores every clip at lags of some frames either way; clips whose lips do not
follow are dropped, lags are corrected (RUN/lags.json). Then `nets` networks are trained, whose
answers are averaged. They hear a second or so at a time and answer for all of it, so that how a
mouth moves can be learned and not only where it is. RUN/voice.pt is the result, RUN/report.html
shows how it goes, and a killed run goes on from what is in RUN/scoring and RUN/voice-0,
RUN/voice-1 ... Hyper-parameters: config.VoiceConfig.
"""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from wav2lip.audio import MEL_RATE
from wav2lip.compact import mouth_shape, voice_net
from wav2lip.compact.engine import VOICE_NETWORKS, voice_networks
from wav2lip.compact.speech_encoder import LIVE, OFFLINE, SpeechEncoder
from wav2lip.compact.voice_net import VoiceNet
from wav2lip.training import av_offset, command_line, dataset, sequences, state
from wav2lip.training.amplitude import with_real_amplitude
from wav2lip.training.batches import seed_torch
from wav2lip.training.config import StudentConfig, VoiceConfig
from wav2lip.training.loop import Learner, Training, mixed_precision
from wav2lip.training.report import Report, Strip
from wav2lip.training.stages import Stages, description, mouth_shape_unit, starting_weights

BETAS = (0.9, 0.999)
# The loss of each of the eight lengths: the openings matter most to the eye.
LENGTH_WEIGHTS = (3.0, 2.0, 1.0, 1.0, 1.0, 1.5, 1.0, 0.7)
OPENINGS = slice(0, 2)
# Added to variances, in squared standard deviations: a mouth that is still correlates with nothing.
VARIANCE_FLOOR = 0.02
# Of the report's pictures: how many, their height, pixels a frame, frames.
SHOWN, HEIGHT, PACE, FRAMES = 3, 100, 4, 75

Weights = dict[str, Tensor]


def main(
    prepared: Path,
    run: Path,
    config: VoiceConfig | None = None,
    table: Path | None = None,
    device: str = "cpu",
    report: Report | None = None,
) -> Path:
    """Train on a folder of `wav2lip.training.prepare`; returns run/voice.pt.

    `config.start` is a compact checkpoint to go on from, with the nets that it has (a speech
    encoder may be among them) and at a lower learning rate; its unit of mouth shapes is kept, so
    that its renderer, or one that goes on from it, understands the new nets. `report` is a page
    that other trainings write to as well. Raises NamedError `nobody-held-out` where `patience`
    has no held-out persons to go by, or `other-run` where `run` holds a run of another
    configuration.
    """
    config = config or VoiceConfig()
    clips = [clip for clip in dataset.load(prepared, table) if clip.mel.shape[1]]
    split = dataset.held_out_split(clips, config.everyone, config.patience)
    begun = starting_weights(config.start)
    if begun:
        config = replace(config, nets=len(begun["voice"]))
    unit = mouth_shape_unit(begun, split)
    described = description(config, split)
    stages = Stages(
        folder=run,
        config=config,
        # Another net more is no other run.
        described={name: value for name, value in described.items() if name != "nets"},
        split=split,
        device=device,
        report=report
        or Report(run / "report.html", "Training voice nets", _stage(config.nets - 1)),
    )
    known: list[Weights | None] = begun["voice"] if begun else [None] * config.nets
    networks = voice_networks(begun) if begun else ["voice_net"] * config.nets
    lags = _in_sync(stages, known[0], networks[0])
    print(f"{len(lags)} of {len(split.train)} clips follow their sound")
    if not lags:
        raise dataset.nothing("The lips follow the sound in none of the clips.")
    in_sync = [clip for clip in split.train if clip.name in lags]
    trained: list[nn.Module] = [
        _train(stages, _stage(number), in_sync, lags, config.steps, 1 + number, weights, network)
        for number, (weights, network) in enumerate(zip(known, networks, strict=True))
    ]
    if split.unseen:
        print("held-out persons, all nets:", correlations(trained, split.validation))
    result = {
        "config": described,
        "networks": networks,
        "nets": [net.state_dict() for net in trained],
        "unit": torch.from_numpy(unit),
        **usual_speaker(split.train, lags, unit),
    }
    state.save(run / "voice.pt", result)
    return run / "voice.pt"


def _stage(number: int) -> str:
    return f"voice-{number}"


def _in_sync(run: Stages[VoiceConfig], known: Weights | None, network: str) -> dict[str, int]:
    """The clips whose lips follow their sound, and by how many frames the sound is to be moved."""
    path, clips = run.folder / "lags.json", run.split.train
    if path.exists():
        return json.loads(path.read_text())
    if known:
        net = VOICE_NETWORKS[network]()
        net.load_state_dict(known)
    else:
        net = _train(run, "scoring", clips, {}, run.config.scoring_steps, 0)
    openings = {
        group: [(said[:, OPENINGS], seen[:, OPENINGS]) for said, seen in pieces]
        for group, pieces in _said_and_seen([net], clips).items()
    }
    by_group = av_offset.following(openings)
    found = {clip.name: by_group[clip.group] for clip in clips if clip.group in by_group}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1))
    return found


def _train(
    run: Stages[VoiceConfig],
    stage: str,
    clips: list[dataset.Clip],
    lags: dict[str, int],
    steps: int,
    number: int,
    begun: Weights | None = None,
    network: str = "voice_net",
) -> VoiceNet | SpeechEncoder:
    """A voice network, trained from `begun` or from random weights of a seed of its own."""
    config = replace(run.config, seed=run.config.seed + number)
    seed_torch(config.seed, 2**31 - 1)
    net = VOICE_NETWORKS[network]().to(run.device)
    learning_rate = config.learning_rate
    if begun:
        net.load_state_dict(begun)
        learning_rate = config.usual_learning_rate(learning_rate)
    learner = Learner(net, learning_rate, config.weight_decay, BETAS, config.ema_decay)
    training = run.training(stage, steps, {"voice": learner}, {"seed": config.seed}, config)
    material = sequences.gather(clips, lags, net.context)
    sampler = sequences.SequenceSampler(config.seed, material, config.batch, net.context)
    for step, batch in training.steps(sampler, run.device):
        with mixed_precision(batch.heard.device):
            answers = _answers(net, batch.heard)
        losses = [
            mouth_motion_loss(answer.float(), batch.target, batch.known, config)
            for answer in answers
        ]
        training.optimizer_step(torch.stack(losses).mean(), "voice")
        if training.is_eval_step(step):
            _validate(run, training)
    training.load_final("voice")
    net = net.cpu()
    return with_real_amplitude(net, run.split.validation) if isinstance(net, SpeechEncoder) else net


def _answers(net: VoiceNet | SpeechEncoder, mel: Tensor) -> list[Tensor]:
    """The outputs for all of `mel` but `net.context` on either side, of each exit: (n, 8, t)."""
    edge = net.context // voice_net.STRIDE
    if isinstance(net, VoiceNet):
        return [net(mel)[:, :, edge:-edge]]
    count = (mel.shape[2] + 1) // voice_net.STRIDE - 2 * edge
    exits = zip(net.exits(mel), (LIVE, OFFLINE), strict=True)
    firsts = [(output.shapes, edge - field.before // voice_net.STRIDE) for output, field in exits]
    return [shapes[:, :, first : first + count] for shapes, first in firsts]


def mouth_motion_loss(
    answer: Tensor, target: Tensor, known: Tensor, config: VoiceConfig | StudentConfig
) -> Tensor:
    """How far answers (n, 8, t) are from targets, weighted by `known` (n, 1, t): a scalar.

    Smooth L1 of the lengths and of their movement, and 1 - Pearson's correlation over time.
    """
    weights = torch.tensor(LENGTH_WEIGHTS, device=answer.device)[None, :, None]
    weights = weights / sum(LENGTH_WEIGHTS)
    total = known.sum().clamp(min=1)
    place = functional.smooth_l1_loss(answer, target, reduction="none")
    moved = functional.smooth_l1_loss(
        answer[:, :, 2:] - answer[:, :, :-2], target[:, :, 2:] - target[:, :, :-2], reduction="none"
    )
    both = known[:, :, 2:] * known[:, :, :-2]
    said, seen = (_centred(part, known) for part in (answer, target))
    count = known.sum(2).clamp(min=1)
    # Only those who talk at all: a mouth that hardly moves tells little.
    deviation = ((seen**2).sum(2) / count).sqrt()
    floor = VARIANCE_FLOOR * count
    correlation = (said * seen).sum(2) / (
        ((said**2).sum(2) + floor) * ((seen**2).sum(2) + floor)
    ).sqrt()
    form = (1 - correlation) * deviation.clamp(max=1)
    return (
        (place * known * weights).sum() / total
        + config.motion_weight * (moved * both * weights).sum() / total
        + config.correlation_weight * (form * weights[:, :, 0]).sum() / len(answer)
    )


def _centred(values: Tensor, known: Tensor) -> Tensor:
    mean = (values * known).sum(2, keepdim=True) / known.sum(2, keepdim=True).clamp(min=1)
    return (values - mean) * known


def _validate(run: Stages[VoiceConfig], training: Training) -> None:
    """Record how the openings that the net says correlate with those seen, and show some."""
    pieces = _said_and_seen([training.eval_model("voice")], run.split.validation)
    correlation = np.mean(
        [
            av_offset.correlation(
                *(np.concatenate(part)[:, OPENINGS] for part in zip(*each, strict=True))
            )
            for each in pieces.values()
        ]
    )
    training.log("correlation of the opening", float(correlation))
    if run.split.unseen and training.record_validation(1 - float(correlation)):
        training.save_best("voice")
    caption = f"mouth opening of {run.people} persons: seen (grey) and said (blue)"
    pictures = [_plotted(*each[0]) for each in list(pieces.values())[:SHOWN]]
    training.update_report([Strip(caption, pictures)])


def _plotted(said: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """The inner openings (n, 8) of a clip's first 3 s as curves, each in its own deviations."""
    picture = np.full((HEIGHT, PACE * FRAMES, 3), 255, np.uint8)
    for lengths, colour in ((seen, (150, 150, 150)), (said, (74, 126, 187))):
        opening = lengths[:FRAMES, mouth_shape.OPENING]
        level = (opening - opening.mean()) / (opening.std() + 1e-6)
        points = np.stack((PACE * np.arange(len(level)), HEIGHT * (0.6 - level / 7)), 1)
        cv2.polylines(picture, [points.round().astype(np.int32)], False, colour, 2, cv2.LINE_AA)
    return picture


def correlations(nets: list[nn.Module], clips: list[dataset.Clip]) -> dict[str, float]:
    """Mean correlation of each predicted length with the measured one, over the groups of clips."""
    scores = np.array(
        [
            av_offset.correlation(*(np.concatenate(part) for part in zip(*pieces, strict=True)))
            for pieces in _said_and_seen(nets, clips).values()
        ]
    )
    names = mouth_shape.NAMES
    return {name: round(float(value), 3) for name, value in zip(names, scores.mean(0), strict=True)}


def usual_speaker(
    clips: list[dataset.Clip], lags: dict[str, int], unit: np.ndarray
) -> dict[str, Tensor]:
    """Mean and standard deviation of a usual speaker, and the closed mouth, (8,) each, in units of
    mouth shape.
    """
    talking = [clip for clip in clips if clip.name in lags]
    usual = sequences.statistics(talking)
    rests = {clip.group: clip.rest for clip in talking}
    means = [(mean - rests[group]) / unit for group, (mean, _) in usual.items()]
    deviations = [deviation / unit for _, deviation in usual.values()]
    shapes = np.concatenate([(clip.raw - clip.rest) / unit for clip in talking])
    closed = shapes[shapes[:, mouth_shape.OPENING] < 0.15]
    return {
        "mean": torch.tensor(np.median(means, 0), dtype=torch.float32),
        "deviation": torch.tensor(np.median(deviations, 0), dtype=torch.float32),
        "closed": torch.tensor(np.median(closed, 0), dtype=torch.float32),
    }


def _said_and_seen(
    nets: list[nn.Module], clips: list[dataset.Clip]
) -> dict[str, list[av_offset.Piece]]:
    """For every group, clip by clip: what the nets say and what was measured, (n, 8) each."""
    for net in nets:
        net.eval()
    pieces: dict[str, list[av_offset.Piece]] = {}
    for clip in clips:
        seconds = np.arange(len(clip.raw)) / sequences.FPS
        column = seconds * MEL_RATE
        whole = (column >= sequences.HEARD_BEFORE) & (
            column + sequences.HEARD_AFTER <= clip.mel.shape[1]
        )
        if whole.any():
            said = voice_net.predict(nets, clip.mel, seconds[whole])[:, : mouth_shape.COUNT]
            pieces.setdefault(clip.group, []).append((said, clip.raw[whole]))
    return pieces


if __name__ == "__main__":
    command_line.voice()
