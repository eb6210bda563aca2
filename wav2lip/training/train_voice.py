"""Train the voice nets: sound to mouth shape, on clips whose lips follow their sound.

    python -m wav2lip.training.train_voice PREPARED RUN --table clips.csv

A short first training scores every clip at lags of some frames either way; clips whose lips do not
follow are dropped, lags are mended (RUN/lags.json). Then `nets` networks are trained, whose answers
are averaged. They hear a second or so at a time and answer for all of it, so that how a mouth moves
can be learned and not only where it is. RUN/voice.pt is the result, RUN/report.html shows how it
goes, and a killed run goes on from what is in RUN/scoring and RUN/voice-0, RUN/voice-1 ...
"""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from wav2lip.audio import MEL_RATE
from wav2lip.compact import mouth_shape, voice_net
from wav2lip.training import av_offset, dataset, sequences, state, words
from wav2lip.training.loop import Learner, Training, mixed_precision
from wav2lip.training.report import Report, Strip

RATE, WEIGHT_DECAY, BETAS = 3e-3, 3e-2, (0.9, 0.999)
# A short run at the full rate would forget more than it learns.
START_SHARE = 3
# The net that is used is the running mean of the one that learns.
AVERAGE = 0.995
# The openings matter most to the eye, and the rest comes along.
WEIGHTS = (3.0, 2.0, 1.0, 1.0, 1.0, 1.5, 1.0, 0.7)
# Errors of the movement from one answer to the one after next; and of its form, whatever its size.
MOVEMENT, FORM = 2.0, 0.5
OPENINGS = slice(0, 2)
# Of the report's pictures: how many, their height, and pixels a frame.
SHOWN, HEIGHT, PACE, FRAMES = 3, 100, 4, 75

Weights = dict[str, Tensor]


@dataclass(frozen=True)
class Config:
    """What decides how a run goes."""

    steps: int = 3000
    scoring_steps: int = 400
    nets: int = 2
    batch: int = 48
    look_every: int = 250
    patience: int = 0
    seed: int = 0
    everyone: bool = False  # learn from the held-out persons too
    start: str | None = None

    def last(self) -> str:
        """The stage that ends a run."""
        return f"voice-{self.nets - 1}"


@dataclass(frozen=True)
class _Run:
    """What the stages of a run share."""

    folder: Path
    config: Config
    described: dict[str, Any]
    shares: dataset.Shares
    device: str
    report: Report


def main(
    prepared: Path,
    run: Path,
    config: Config | None = None,
    table: Path | None = None,
    device: str = "cpu",
    report: Report | None = None,
) -> dict[str, Any]:
    """Train and write run/voice.pt; returns its contents.

    `config.start` is the file of a compact checkpoint to go on from, with as many nets as it has
    and at a third of the rate; its unit of mouth shapes is kept, so that its renderer, or one that
    goes on from it, understands the new nets. `report` is a page that other trainings write to as
    well. Raises NamedError `nobody-held-out` where `patience` has nobody to go by, or `other-run`
    where `run` holds a run of another configuration.
    """
    config = config or Config()
    clips = [clip for clip in dataset.load(prepared, table) if clip.mel.shape[1]]
    shares = dataset.share_out(clips, config.everyone, config.patience)
    begun, start = None, None
    if config.start:
        begun = torch.load(config.start, weights_only=True, map_location="cpu")
        start = Path(config.start).name
        config = replace(config, nets=len(begun["voice"]))
    unit = begun["unit"].numpy() if begun else dataset.spread(shares.learned)
    told = {**asdict(config), "clips": len(shares.learned), "start": start}
    going = _Run(
        folder=run,
        config=config,
        described={name: value for name, value in told.items() if name != "nets"},
        shares=shares,
        device=device,
        report=report or Report(run / "report.html", "Training voice nets", config.last()),
    )
    known: list[Weights | None] = begun["voice"] if begun else [None] * config.nets
    moved = _in_sync(going, known[0])
    print(f"{len(moved)} of {len(shares.learned)} clips follow their sound")
    if not moved:
        raise dataset.nothing("The lips follow the sound in none of the clips.")
    material = sequences.gather([clip for clip in shares.learned if clip.name in moved], moved)
    trained: list[nn.Module] = [
        _train(going, f"voice-{number}", material, config.steps, 1 + number, weights)
        for number, weights in enumerate(known)
    ]
    if shares.unseen:
        print("held-out persons, all nets:", correlations(trained, shares.watched))
    result = {
        "config": told,
        "nets": [net.state_dict() for net in trained],
        "unit": torch.from_numpy(unit),
        **_usual(shares.learned, moved, unit),
    }
    state.save(run / "voice.pt", result)
    return result


def _in_sync(run: _Run, known: Weights | None) -> dict[str, int]:
    """The clips whose lips follow their sound, and by how many frames the sound is to be moved."""
    path, learned = run.folder / "lags.json", run.shares.learned
    if path.exists():
        return json.loads(path.read_text())
    if known:
        net = voice_net.VoiceNet()
        net.load_state_dict(known)
    else:
        material = sequences.gather(learned, {})
        net = _train(run, "scoring", material, run.config.scoring_steps, 0)
    openings = {
        group: [(said[:, OPENINGS], seen[:, OPENINGS]) for said, seen in pieces]
        for group, pieces in _said_and_seen([net], learned).items()
    }
    by_group = av_offset.following(openings)
    found = {clip.name: by_group[clip.group] for clip in learned if clip.group in by_group}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1))
    return found


def _train(
    run: _Run,
    stage: str,
    material: sequences.Material,
    steps: int,
    number: int,
    begun: Weights | None = None,
) -> voice_net.VoiceNet:
    seed = run.config.seed + number
    state.generator(seed, 2**31 - 1)
    net, rate = voice_net.VoiceNet().to(run.device), RATE
    if begun:
        net.load_state_dict(begun)
        rate /= START_SHARE
    learner = Learner(net, rate, WEIGHT_DECAY, BETAS, AVERAGE)
    config = {**run.described, "steps": steps, "seed": seed}
    training = Training(run.folder / stage, config, {"voice": learner}, run.report)
    draw = sequences.Draw(material, seed, run.config.batch)
    for step, batch in training.steps(draw, run.device):
        with mixed_precision(batch.heard.device):
            answer = net(batch.heard)
        edge = voice_net.CONTEXT // voice_net.STRIDE
        loss = unlike(answer[:, :, edge:-edge].float(), batch.target, batch.known)
        training.descend(loss, "voice")
        if training.looks(step):
            _look(run, training)
    training.conclude("voice")
    return net.cpu()


def _look(run: _Run, training: Training) -> None:
    """Judge the net by how the openings it says correlate with those seen, and show some."""
    pieces = _said_and_seen([training.settled("voice")], run.shares.watched)
    correlation = np.mean(
        [
            av_offset.correlation(
                *(np.concatenate(part)[:, OPENINGS] for part in zip(*each, strict=True))
            )
            for each in pieces.values()
        ]
    )
    training.note("correlation of the opening", float(correlation))
    if run.shares.unseen and training.judge(1 - float(correlation)):
        training.keep("voice")
    who = "unseen" if run.shares.unseen else "learned"
    caption = f"mouth opening of {who} persons: seen (grey) and said (blue)"
    pictures = [_plotted(*each[0]) for each in list(pieces.values())[:SHOWN]]
    training.show([Strip(caption, pictures)])


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


def _usual(clips: list[dataset.Clip], moved: dict[str, int], unit: np.ndarray) -> dict[str, Tensor]:
    """The mean and deviation of a usual speaker in units of mouth shape, and the closed mouth."""
    talking = [clip for clip in clips if clip.name in moved]
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
            said = voice_net.predict(nets, clip.mel, seconds[whole])
            pieces.setdefault(clip.group, []).append((said, clip.raw[whole]))
    return pieces


def unlike(answer: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """How far answers (n, 8, t) are from targets, where those are `known` (n, 1, t)."""
    weights = torch.tensor(WEIGHTS, device=answer.device)[None, :, None] / sum(WEIGHTS)
    total = known.sum().clamp(min=1)
    place = functional.smooth_l1_loss(answer, target, reduction="none")
    moved = functional.smooth_l1_loss(
        answer[:, :, 2:] - answer[:, :, :-2], target[:, :, 2:] - target[:, :, :-2], reduction="none"
    )
    both = known[:, :, 2:] * known[:, :, :-2]
    # A correlation, of those who talk at all: a mouth that hardly moves tells little.
    said, seen = (_centred(part, known) for part in (answer, target))
    count = known.sum(2).clamp(min=1)
    spread = ((seen**2).sum(2) / count).sqrt()
    alike = (said * seen).sum(2) / (
        ((said**2).sum(2) + 0.02 * count) * ((seen**2).sum(2) + 0.02 * count)
    ).sqrt()
    form = (1 - alike) * spread.clamp(max=1)
    return (
        (place * known * weights).sum() / total
        + MOVEMENT * (moved * both * weights).sum() / total
        + FORM * (form * weights[:, :, 0]).sum() / len(answer)
    )


def _centred(values: Tensor, known: Tensor) -> Tensor:
    mean = (values * known).sum(2, keepdim=True) / known.sum(2, keepdim=True).clamp(min=1)
    return (values - mean) * known


if __name__ == "__main__":
    places, asked = words.read(__doc__, Config())
    main(config=asked, **places)
