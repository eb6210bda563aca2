"""Train the speech net: is what is heard somebody who speaks?

    python -m wav2lip.training.train_speech CLIPS checkpoints/speech.pt --table clips.csv

CLIPS are recordings of one voice each; music and noises are made here. More of what holds no voice,
--recordings FOLDER, helps, above all tunes played on recorded instruments: see docs/training.md.
"""

import argparse
import copy
from math import cos, pi
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional
from tqdm import trange

from wav2lip.compact import voice_activity, voice_net
from wav2lip.training import state, voice_activity_data
from wav2lip.training.loop import blend
from wav2lip.training.shrink import halved

LEARNING_RATE = 4e-3
WEIGHT_DECAY = 1e-2
# The net that is kept is the running mean of the one that learns.
AVERAGED = 0.99


def main(
    clips: Path,
    out: Path,
    table: Path | None = None,
    recordings: Path | None = None,
    steps: int = 2000,
    pieces: int = 400,
    seed: int = 0,
) -> float:
    """Train and write `out`, in half precision; returns the running mean of the loss.

    `pieces` of music and as many noises are made. The held-out of `table` are not listened to.
    """
    voices = voice_activity_data.voices(np.random.default_rng(seed), clips, table)
    others = voice_activity_data.others(seed, pieces, recordings)
    torch.manual_seed(seed)
    net = voice_activity.VoiceActivityNet().train()
    kept = copy.deepcopy(net)
    optimiser = torch.optim.AdamW(net.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    edge, average = voice_activity.NET_CONTEXT // voice_net.STRIDE, 0.7
    for step in (progress := trange(steps, mininterval=20)):
        for group in optimiser.param_groups:
            warm = min(1, (step + 1) / 100)
            group["lr"] = LEARNING_RATE * warm * 0.5 * (1 + cos(pi * step / steps))
        mel, spoken, known = voice_activity_data.batch(voices, others, state.generator(seed, step))
        with torch.autocast("cpu", torch.bfloat16):
            answer = net(mel)[:, edge:-edge].float()
        each = functional.binary_cross_entropy_with_logits(answer, spoken, reduction="none")
        loss = (each * known).sum() / known.sum()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        blend(kept, net, min(AVERAGED, step / (step + 10)))
        average += 0.02 * (loss.item() - average)
        progress.set_postfix(loss=round(average, 4), refresh=False)
    config = {"steps": steps, "pieces": pieces, "seed": seed}
    learned = halved(kept.state_dict())
    state.save(out, {"architecture": "speech", "config": config, "state_dict": learned})
    return average


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--table", type=Path, help="clips.csv: file, person, held_out")
    parser.add_argument("--recordings", type=Path, help="a folder of sounds without a voice")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--pieces", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    print("loss", round(main(**vars(parser.parse_args())), 4))
