"""Train the voice nets: sound to mouth shape, on clips whose lips follow their sound.

    python -m wav2lip.training.train_voice PREPARED RUN --table clips.csv

A short first training scores every clip at lags of some frames either way; clips whose lips do not
follow are dropped, lags are mended. Then `nets` networks are trained, whose answers are averaged.
They hear a second or so at a time and answer for all of it, so that how a mouth moves can be
learned and not only where it is. RUN/voice.pt is the result; RUN/voice-*.pt are the states a killed
run goes on from.
"""

import argparse
import copy
import json
from dataclasses import dataclass
from math import cos, pi
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import trange

from wav2lip.audio import MEL_RATE, N_MELS, SILENCE
from wav2lip.compact import mouth_shape, voice
from wav2lip.training import dataset, state

FPS = 25
BATCH = 48
# What is heard at a time: 48 answers at 40 a second, 1.2 s.
SEQUENCE = 48
LEARNING_RATE = 3e-3
WEIGHT_DECAY = 3e-2
# A clip follows its sound when prediction and opening correlate at least so much; another lag has
# to be clearly better than none to be believed.
LARGEST_LAG = 6
IN_SYNC = 0.25
LAG_GAIN = 0.08
SCORING_STEPS = 400
SAVE_EVERY = 250
# The openings matter most to the eye, and the rest comes along.
WEIGHTS = (3.0, 2.0, 1.0, 1.0, 1.0, 1.5, 1.0, 0.7)
# Errors of the movement from one answer to the one after next; and of its form, whatever its size.
MOVEMENT, FORM = 2.0, 0.5
# The net that is kept is the running mean of the one that learns (Polyak and Juditsky, 1992).
AVERAGED = 0.995
# Speech is heard up to so much faster or slower than it was.
STRETCH = 0.15
# Sound that a frame must have on both sides of it to be learned from, in columns.
HEARD_BEFORE, HEARD_AFTER = 4, 10


@dataclass(frozen=True)
class Material:
    """Many clips laid end to end in sound and in sight, each at its own place."""

    mel: Tensor  # (80, T), silence between the clips
    target: Tensor  # (n, 8) deviations in standard deviations of the group, 25 a second
    first_column: np.ndarray  # (clips,) where a clip's sound begins in `mel`
    columns: np.ndarray  # (clips,) how long it is
    first_frame: np.ndarray  # (clips,) where its frames begin in `target`
    frames: np.ndarray  # (clips,) how many they are
    lag: np.ndarray  # (clips,) frame i shows what is said at frame i + lag
    chance: np.ndarray  # (clips,) cumulative probability of being drawn


def main(
    prepared: Path,
    run: Path,
    table: Path | None = None,
    steps: int = 3000,
    nets: int = 2,
    seed: int = 0,
    device: str = "cpu",
    everyone: bool = False,
    start: Path | None = None,
) -> dict[str, Any]:
    """Train and write run/voice.pt; returns its contents.

    `everyone` trains on the held-out too. `start` is a compact checkpoint to go on from, with as
    many nets as it has and at a third of the rate; its unit of mouth shapes is kept, so that its
    renderer, or one that goes on from it, understands the new nets.
    """
    clips = [clip for clip in dataset.load(prepared, table) if clip.mel.shape[1]]
    learned = [clip for clip in clips if everyone or not clip.held_out]
    unseen = [clip for clip in clips if clip.held_out]
    begun = torch.load(start, weights_only=True, map_location="cpu") if start else None
    config = {
        "steps": steps,
        "seed": seed,
        "everyone": everyone,
        "clips": len(learned),
        "start": start.name if start else None,
    }
    unit = begun["unit"].numpy() if begun else dataset.spread(learned)

    known = begun["voice"] if begun else [None] * nets
    lags = _lags(learned, run, config, device, known[0])
    print(f"{len(lags)} of {len(learned)} clips follow their sound")
    material = gather([clip for clip in learned if clip.name in lags], lags)
    trained = []
    for number, weights in enumerate(known):
        path = run / f"voice-{number}.pt"
        net = _train(material, steps, seed + 1 + number, path, config, device, unseen, weights)
        trained.append(net)
    if unseen:
        print("held-out persons, all nets:", correlations(trained, unseen))
    result = {
        "config": config,
        "nets": [net.state_dict() for net in trained],
        "unit": torch.from_numpy(unit),
        **_usual(learned, lags, unit),
    }
    state.save(run / "voice.pt", result)
    return result


def gather(clips: list[dataset.Clip], lags: dict[str, int]) -> Material:
    """Lay clips end to end; a person's chance grows with the square root of their frames."""
    statistics = _statistics(clips)
    gap = np.full((N_MELS, 2 * voice.REACH + 2 * SEQUENCE), SILENCE, np.float32)
    mels, targets, first_column, first_frame = [gap], [], [], []
    column, frame = gap.shape[1], 0
    seen: dict[str, int] = {}
    for clip in clips:
        mean, deviation = statistics[clip.group]
        targets.append(((clip.raw - mean) / deviation).clip(-4, 4))
        mels += [clip.mel, gap]
        first_column.append(column)
        first_frame.append(frame)
        column += clip.mel.shape[1] + gap.shape[1]
        frame += len(clip.raw)
        seen[clip.person] = seen.get(clip.person, 0) + len(clip.raw)
    chance = np.cumsum([len(clip.raw) * seen[clip.person] ** -0.5 for clip in clips])
    return Material(
        mel=torch.from_numpy(np.concatenate(mels, 1)),
        target=torch.from_numpy(np.concatenate(targets).astype(np.float32)),
        first_column=np.array(first_column),
        columns=np.array([clip.mel.shape[1] for clip in clips]),
        first_frame=np.array(first_frame),
        frames=np.array([len(clip.raw) for clip in clips]),
        lag=np.array([lags.get(clip.name, 0) for clip in clips]),
        chance=chance / chance[-1],
    )


def correlations(nets: list[nn.Module], clips: list[dataset.Clip]) -> dict[str, float]:
    """Mean correlation of each predicted length with the measured one, over the groups of clips."""
    scores = np.array(
        [
            _correlation(*(np.concatenate(part) for part in zip(*pieces, strict=True)))
            for pieces in _said_and_seen(nets, clips).values()
        ]
    )
    names = mouth_shape.NAMES
    return {name: round(float(value), 3) for name, value in zip(names, scores.mean(0), strict=True)}


def _statistics(clips: list[dataset.Clip]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    grouped: dict[str, list[np.ndarray]] = {}
    for clip in clips:
        grouped.setdefault(clip.group, []).append(clip.raw)
    joined = {group: np.concatenate(raws) for group, raws in grouped.items()}
    floor = np.median([raw.std(0) for raw in joined.values()], axis=0) / 3
    return {group: (raw.mean(0), np.maximum(raw.std(0), floor)) for group, raw in joined.items()}


def _usual(clips: list[dataset.Clip], lags: dict[str, int], unit: np.ndarray) -> dict[str, Tensor]:
    """The mean and deviation of a usual speaker in units of mouth shape, and the closed mouth."""
    talking = [clip for clip in clips if clip.name in lags]
    statistics = _statistics(talking)
    rests = {clip.group: clip.rest for clip in talking}
    means = [(mean - rests[group]) / unit for group, (mean, _) in statistics.items()]
    deviations = [deviation / unit for _, deviation in statistics.values()]
    shapes = np.concatenate([(clip.raw - clip.rest) / unit for clip in talking])
    closed = shapes[shapes[:, mouth_shape.OPENING] < 0.15]
    return {
        "mean": torch.tensor(np.median(means, 0), dtype=torch.float32),
        "deviation": torch.tensor(np.median(deviations, 0), dtype=torch.float32),
        "closed": torch.tensor(np.median(closed, 0), dtype=torch.float32),
    }


def _lags(
    clips: list[dataset.Clip],
    run: Path,
    config: dict[str, Any],
    device: str,
    begun: dict[str, Tensor] | None,
) -> dict[str, int]:
    """The clips whose lips follow their sound, and by how many frames the sound is to be moved."""
    path = run / "lags.json"
    if path.exists():
        return json.loads(path.read_text())
    net: nn.Module
    if begun:
        net = voice.VoiceNet().eval()
        net.load_state_dict(begun)
    else:
        path_of_net = run / "voice-scoring.pt"
        seed = config["seed"]
        net = _train(gather(clips, {}), SCORING_STEPS, seed, path_of_net, config, device, [])
    tried = range(-LARGEST_LAG, LARGEST_LAG + 1)
    scores: dict[str, list[float]] = {}
    for group, pieces in _said_and_seen([net], clips).items():
        scores[group] = [_opening_at(lag, pieces) for lag in tried]
    chosen = {}
    for group, by_lag in scores.items():
        best = int(np.argmax(by_lag))
        lag = tried[best] if by_lag[best] > by_lag[LARGEST_LAG] + LAG_GAIN else 0
        if by_lag[lag + LARGEST_LAG] >= IN_SYNC:
            chosen[group] = lag
    lags = {clip.name: chosen[clip.group] for clip in clips if clip.group in chosen}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(lags, indent=1))
    return lags


def _said_and_seen(
    nets: list[nn.Module], clips: list[dataset.Clip]
) -> dict[str, list[tuple[np.ndarray, np.ndarray]]]:
    """For every group, clip by clip: what the nets say and what was measured, (n, 8) each."""
    for net in nets:
        net.eval()
    pieces: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for clip in clips:
        seconds = np.arange(len(clip.raw)) / FPS
        column = seconds * MEL_RATE
        whole = (column >= HEARD_BEFORE) & (column + HEARD_AFTER <= clip.mel.shape[1])
        if whole.any():
            said = voice.predict(nets, clip.mel, seconds[whole])
            pieces.setdefault(clip.group, []).append((said, clip.raw[whole]))
    return pieces


def _opening_at(lag: int, pieces: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """Correlation of the two openings when frame i shows what is said at frame i + lag."""
    early, late = max(-lag, 0), max(lag, 0)
    said = np.concatenate([said[late : len(said) - early, :2] for said, _ in pieces])
    seen = np.concatenate([seen[early : len(seen) - late, :2] for _, seen in pieces])
    return float(_correlation(said, seen).mean()) if len(said) > 1 else 0.0


def _correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Pearson's correlation of each column."""
    a, b = a - a.mean(0), b - b.mean(0)
    return (a * b).sum(0) / np.sqrt((a**2).sum(0) * (b**2).sum(0) + 1e-12)


def _train(
    material: Material,
    steps: int,
    seed: int,
    path: Path,
    config: dict[str, Any],
    device: str,
    unseen: list[dataset.Clip],
    begun: dict[str, Tensor] | None = None,
) -> nn.Module:
    state.generator(seed, -1 % 2**31)
    net = voice.VoiceNet().to(device)
    rate = LEARNING_RATE
    if begun:
        net.load_state_dict(begun)
        rate /= 3
    kept = copy.deepcopy(net).eval()
    optimiser = torch.optim.AdamW(net.parameters(), rate, weight_decay=WEIGHT_DECAY)
    saved = state.resume(path, config)
    if saved:
        net.load_state_dict(saved["net"])
        kept.load_state_dict(saved["kept"])
        optimiser.load_state_dict(saved["optimiser"])
    progress = trange(saved["step"] if saved else 0, steps, desc=path.stem, mininterval=5)
    for step in progress:
        net.train()
        rng = state.generator(seed, step)
        for group in optimiser.param_groups:
            group["lr"] = rate * _cosine(step, steps)
        heard, target, known = (part.to(device) for part in _batch(material, rng))
        with torch.autocast(device, torch.bfloat16):
            answer = net(heard)
        edge = voice.REACH // voice.STRIDE
        loss = _unlike(answer[:, :, edge:-edge].float(), target, known)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        _average(kept, net, min(AVERAGED, (step + 1) / (step + 10)))
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == steps:
            _save(path, config, step + 1, net, kept, optimiser)
            scores = correlations([kept], unseen) if unseen else ""
            progress.write(f"{path.stem} {step + 1} {loss.item():.3f} {scores}")
    return kept.cpu()


def _save(
    path: Path,
    config: dict[str, Any],
    step: int,
    net: nn.Module,
    kept: nn.Module,
    optimiser: torch.optim.Optimizer,
) -> None:
    states = {"net": net.state_dict(), "kept": kept.state_dict()}
    state.save(
        path, {"config": config, "step": step, "optimiser": optimiser.state_dict(), **states}
    )


@torch.no_grad()
def _average(kept: nn.Module, net: nn.Module, share: float) -> None:
    """Move the running mean a little towards the net."""
    latest = net.state_dict()
    for name, value in kept.state_dict().items():
        if value.is_floating_point():
            value.lerp_(latest[name], 1 - share)
        else:
            value.copy_(latest[name])


def _unlike(answer: Tensor, target: Tensor, known: Tensor) -> Tensor:
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


def _cosine(step: int, steps: int) -> float:
    """Learning rate as a share of the full one: a short warm-up, then half a cosine."""
    return min(1.0, (step + 1) / 100) * 0.5 * (1 + cos(pi * step / steps))


def _batch(material: Material, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Mel (n, 80, T), targets (n, 8, SEQUENCE), and where they are known (n, 1, SEQUENCE)."""
    clip = np.searchsorted(material.chance, rng.random(BATCH)).clip(max=len(material.chance) - 1)
    pace = rng.uniform(1 - STRETCH, 1 + STRETCH, BATCH)
    span = SEQUENCE * voice.STRIDE * pace
    # A sequence begins anywhere in its clip, or a little before it.
    spare = (material.columns[clip] - span).clip(min=0)
    begin = rng.uniform(-0.15 * span, spare + 0.15 * span)
    columns = material.first_column[clip] + begin
    steps = np.arange(-voice.REACH, SEQUENCE * voice.STRIDE + voice.REACH - 1)
    heard = _interpolated(material.mel, columns[:, None] + steps * pace[:, None])

    # Lips and sound agree to a frame or so at best.
    at = begin[:, None] + np.arange(SEQUENCE) * voice.STRIDE * pace[:, None]
    frame = (at + rng.uniform(-1.5, 1.5, (BATCH, 1))) * (FPS / MEL_RATE) - material.lag[clip, None]
    last = material.frames[clip, None] - 1
    inside = (frame >= 0) & (frame <= last)
    inside &= (at >= HEARD_BEFORE) & (at + HEARD_AFTER <= material.columns[clip, None])
    places = material.first_frame[clip, None] + frame.clip(0, last)
    target = _interpolated(material.target.T, places)
    known = torch.from_numpy(inside[:, None].astype(np.float32))
    return augmented(heard.permute(1, 0, 2), rng), target.permute(1, 0, 2), known


def _interpolated(values: Tensor, places: np.ndarray) -> Tensor:
    """`values` (c, T) read at `places` (n, t) between its columns: (c, n, t)."""
    below = np.floor(places).astype(np.int64).clip(0, values.shape[1] - 2)
    share = torch.from_numpy((places - below).clip(0, 1).astype(np.float32))
    index = torch.from_numpy(below)
    return values[:, index] * (1 - share) + values[:, index + 1] * share


def augmented(mel: Tensor, rng: np.random.Generator) -> Tensor:
    """Mel (n, 80, t) as other microphones, rooms and throats would have given it."""
    n = len(mel)

    def draw(low: float, high: float, *shape: int) -> Tensor:
        return torch.from_numpy(rng.uniform(low, high, (n, *shape)).astype(np.float32))

    mel = _other_throat(mel, draw(-5, 5, 1), draw(0.88, 1.12, 1))
    mel = _other_room(mel, draw(0.0, 0.85, 1), draw(-3.0, -0.25, 1))
    bands = functional.interpolate(draw(-0.6, 0.6, 1, 7), N_MELS, mode="linear")[:, 0, :, None]
    mel = mel + draw(-1.2, 0.8, 1, 1) + bands
    # A noise floor hides what is quieter than itself: most voices have one far down.
    hiss = functional.interpolate(draw(-0.7, 0.7, 1, 5), N_MELS, mode="linear")[:, 0, :, None]
    floor = draw(-6.5, -1.2, 1, 1) + hiss
    mel = torch.maximum(mel, floor + 0.3 * torch.randn(mel.shape))
    return _masked(mel, rng).clamp(-4, 4)


def _other_throat(mel: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Formants moved by `shift` (n, 1) bins and stretched by `scale` (n, 1)."""
    places = (torch.arange(N_MELS)[None] * scale + shift).clamp(0, N_MELS - 1.001)
    below = places.long()
    share = (places - below)[:, :, None]
    below = below[:, :, None].expand(-1, -1, mel.shape[2])
    return mel.gather(1, below) * (1 - share) + mel.gather(1, below + 1) * share


def _other_room(mel: Tensor, decay: Tensor, level: Tensor) -> Tensor:
    """With what was heard before ringing on: `decay` a column down, at `level`."""
    heard, ringing = [mel[:, :, 0]], mel[:, :, 0]
    for column in range(1, mel.shape[2]):
        # Decibels fall evenly; one unit of mel is 12.5 dB.
        ringing = torch.maximum(ringing - 0.1 - decay, mel[:, :, column - 1])
        heard.append(torch.maximum(mel[:, :, column], ringing + level))
    return torch.stack(heard, 2)


def _masked(mel: Tensor, rng: np.random.Generator) -> Tensor:
    """Some bands and some moments unheard (SpecAugment: Park et al., Interspeech 2019)."""
    mean = mel.mean((1, 2), keepdim=True)
    moments = mel.shape[2]
    for axis, size, widest in ((1, N_MELS, 14), (1, N_MELS, 8), (2, moments, moments // 16)):
        start, width = rng.integers(0, size, (len(mel), 1)), rng.integers(0, widest, (len(mel), 1))
        places = np.arange(size)
        hidden = torch.from_numpy((places >= start) & (places < start + width))
        mel = torch.where(hidden[:, :, None] if axis == 1 else hidden[:, None], mean, mel)
    return mel


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("prepared", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--table", type=Path, help="clips.csv: file, person, held_out")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--nets", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--everyone", action="store_true", help="train on held-out persons too")
    parser.add_argument("--start", type=Path, help="a compact checkpoint to go on from")
    main(**vars(parser.parse_args()))
