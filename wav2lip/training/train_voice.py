"""Train the voice nets: sound to mouth shape, on clips whose lips follow their sound.

    python -m wav2lip.training.train_voice PREPARED RUN --table clips.csv

A short first training scores every clip at lags of some frames either way; clips whose lips do not
follow are dropped, lags are mended. Then `nets` networks are trained, whose answers are averaged.
RUN/voice.pt is the result; RUN/voice-*.pt are the states a killed run goes on from.
"""

import argparse
import json
from dataclasses import dataclass
from math import cos, pi
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import trange

from wav2lip.audio import N_MELS
from wav2lip.compact import mouth_shape, voice
from wav2lip.training import dataset, state

FPS = 25
BATCH = 160
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 3e-2
LARGEST_LAG = 6
# A clip follows its sound when prediction and opening correlate at least so much; another lag has
# to be clearly better than none to be believed.
IN_SYNC = 0.25
LAG_GAIN = 0.08
SCORING_STEPS = 500
SAVE_EVERY = 500
# The openings matter most to the eye, and the rest comes along.
WEIGHTS = (3.0, 2.0, 1.0, 1.0, 1.0, 1.5, 1.0, 0.7)


@dataclass(frozen=True)
class Material:
    """Frames of many clips laid end to end: one mel, and for each frame its column and target."""

    mel: Tensor  # (80, T)
    column: np.ndarray  # (n,) first mel column of the frame's window
    target: Tensor  # (n, 8) deviations in standard deviations of the group
    chance: np.ndarray  # (n,) cumulative probability of being drawn
    clip: np.ndarray  # (n,) index into the clips given


def main(
    prepared: Path,
    run: Path,
    table: Path | None = None,
    steps: int = 4000,
    nets: int = 2,
    seed: int = 0,
    device: str = "cpu",
    everyone: bool = False,
) -> dict[str, Any]:
    """Train and write run/voice.pt; returns its contents. `everyone` trains on the held-out too."""
    clips = [clip for clip in dataset.load(prepared, table) if clip.mel.shape[1]]
    learned = [clip for clip in clips if everyone or not clip.held_out]
    unseen = [clip for clip in clips if clip.held_out]
    config = {"steps": steps, "seed": seed, "everyone": everyone, "clips": len(learned)}

    lags = _lags(learned, run, config, device)
    print(f"{len(lags)} of {len(learned)} clips follow their sound")
    material = gather([clip for clip in learned if clip.name in lags], lags)
    trained = []
    for number in range(nets):
        path = run / f"voice-{number}.pt"
        net = _train(material, steps, seed + 1 + number, path, config, device, unseen)
        trained.append(net)
    if unseen:
        print("held-out persons, all nets:", correlations(trained, unseen))
    result = {
        "config": config,
        "nets": [net.state_dict() for net in trained],
        "unit": torch.from_numpy(dataset.spread(learned)),
        **_usual(learned, lags),
    }
    state.save(run / "voice.pt", result)
    return result


def gather(clips: list[dataset.Clip], lags: dict[str, int]) -> Material:
    """Lay clips end to end, keeping the frames whose window lies wholly inside their sound."""
    statistics = _statistics(clips)
    columns, targets, owners, mels, offset = [], [], [], [], 0
    for index, clip in enumerate(clips):
        mean, deviation = statistics[clip.group]
        first = voice.first_column((np.arange(len(clip.raw)) + lags.get(clip.name, 0)) / FPS)
        whole = (first >= 0) & (first + voice.WINDOW <= clip.mel.shape[1])
        columns.append(first[whole] + offset)
        targets.append(((clip.raw - mean) / deviation)[whole])
        owners.append(np.full(whole.sum(), index))
        mels.append(clip.mel)
        offset += clip.mel.shape[1]
    owner = np.concatenate(owners)
    frames: dict[str, int] = {}
    for index, count in zip(*np.unique(owner, return_counts=True), strict=True):
        person = clips[index].person
        frames[person] = frames.get(person, 0) + int(count)
    # A person's share grows with the square root of their frames: nobody dominates.
    weight = np.array(
        [frames[clip.person] ** -0.5 if clip.person in frames else 0 for clip in clips]
    )
    chance = np.cumsum(weight[owner])
    return Material(
        mel=torch.from_numpy(np.concatenate(mels, 1)),
        column=np.concatenate(columns),
        target=torch.from_numpy(np.concatenate(targets).clip(-4, 4)),
        chance=chance / chance[-1],
        clip=owner,
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


def _usual(clips: list[dataset.Clip], lags: dict[str, int]) -> dict[str, Tensor]:
    """The mean and deviation of a usual speaker in units of mouth shape, and the closed mouth."""
    unit = dataset.spread(clips)
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
    clips: list[dataset.Clip], run: Path, config: dict[str, Any], device: str
) -> dict[str, int]:
    """The clips whose lips follow their sound, and by how many frames the sound is to be moved."""
    path = run / "lags.json"
    if path.exists():
        return json.loads(path.read_text())
    net = _train(
        gather(clips, {}),
        SCORING_STEPS,
        config["seed"],
        run / "voice-scoring.pt",
        config,
        device,
        [],
    )
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
        first = voice.first_column(seconds)
        whole = (first >= 0) & (first + voice.WINDOW <= clip.mel.shape[1])
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
) -> nn.Module:
    state.generator(seed, -1 % 2**31)
    net = voice.VoiceNet().to(device)
    optimiser = torch.optim.AdamW(net.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    saved = state.resume(path, config)
    if saved:
        net.load_state_dict(saved["net"])
        optimiser.load_state_dict(saved["optimiser"])
    weights = torch.tensor(WEIGHTS, device=device)
    progress = trange(saved["step"] if saved else 0, steps, desc=path.stem)
    for step in progress:
        net.train()
        rng = state.generator(seed, step)
        for group in optimiser.param_groups:
            group["lr"] = LEARNING_RATE * _cosine(step, steps)
        heard, target = (part.to(device) for part in _batch(material, rng))
        with torch.autocast(device, torch.bfloat16):
            answer = net(heard)
        errors = nn.functional.smooth_l1_loss(answer.float(), target, reduction="none")
        loss = (errors * weights).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == steps:
            state.save(
                path,
                {
                    "config": config,
                    "step": step + 1,
                    "net": net.state_dict(),
                    "optimiser": optimiser.state_dict(),
                },
            )
            progress.set_postfix(loss=f"{loss.item():.3f}")
            if unseen:
                progress.write(f"{step + 1} {loss.item():.3f} {correlations([net], unseen)}")
    return net.eval().cpu()


def _cosine(step: int, steps: int) -> float:
    """Learning rate as a share of the full one: a short warm-up, then half a cosine."""
    return min(1.0, (step + 1) / 100) * 0.5 * (1 + cos(pi * step / steps))


def _batch(material: Material, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    index = np.searchsorted(material.chance, rng.random(BATCH)).clip(max=len(material.column) - 1)
    # Lips and sound agree to a frame or so at best: up to 25 ms either way.
    jitter = rng.integers(-2, 3, BATCH)
    first = (material.column[index] + jitter).clip(0, material.mel.shape[1] - voice.WINDOW)
    columns = torch.from_numpy(first[:, None] + np.arange(voice.WINDOW))
    heard = material.mel[:, columns].permute(1, 0, 2)
    return augmented(heard, rng), material.target[torch.from_numpy(index)]


def augmented(mel: Tensor, rng: np.random.Generator) -> Tensor:
    """Mel windows (n, 80, w) as other microphones, rooms and throats would have given them."""
    n = len(mel)

    def draw(low: float, high: float, *shape: int) -> Tensor:
        return torch.from_numpy(rng.uniform(low, high, (n, *shape)).astype(np.float32))

    bins = torch.arange(N_MELS)
    shifted = (bins[None] + torch.from_numpy(rng.integers(-4, 5, (n, 1)))).clamp(0, N_MELS - 1)
    mel = mel.gather(1, shifted[:, :, None].expand(-1, -1, mel.shape[2]))
    tilt = torch.linspace(-1, 1, N_MELS)[None, :, None]
    mel = mel + draw(-1.2, 0.8, 1, 1) + draw(-0.6, 0.6, 1, 1) * tilt
    # A noise floor hides what is quieter than itself: most windows have one far down.
    floor = draw(-6.5, -1.2, 1, 1) + draw(-0.5, 0.5, 1, 1) * tilt
    mel = torch.maximum(mel, floor + 0.3 * torch.randn(mel.shape))
    mask_start, mask_width = rng.integers(0, N_MELS, (n, 1)), rng.integers(0, 14, (n, 1))
    masked = (bins.numpy() >= mask_start) & (bins.numpy() < mask_start + mask_width)
    mel = torch.where(torch.from_numpy(masked)[:, :, None], mel.mean((1, 2), keepdim=True), mel)
    return mel.clamp(-4, 4)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("prepared", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--table", type=Path, help="clips.csv: file, person, held_out")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--nets", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--everyone", action="store_true", help="train on held-out persons too")
    main(**vars(parser.parse_args()))
