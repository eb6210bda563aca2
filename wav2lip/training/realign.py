"""The lag of every clip as a sync expert finds it: newer and finer lags than those of a voice net.

    python -m wav2lip.training.realign PREPARED EXPERT LAGS OUT --table clips.csv

LAGS (lags.json of a compact run) has one lag for all short clips of a person. Recordings are cut
less exactly than that: sound and lips may be a frame or two apart, which an expert hears before it
has learned all. The training goes on with OUT as its --lags. Clips of held-out persons keep the
lags they have, and clips that are not in LAGS stay left out.
"""

import json
from collections import Counter
from pathlib import Path

import click
import numpy as np
import torch
from torch import Tensor, nn

from wav2lip import expert
from wav2lip.training import windows
from wav2lip.training.command_line import FILE, FOLDER, NEW_FILE, Command
from wav2lip.training.train_expert import HALF, stacked
from wav2lip.training.windows import FRAMES

# Frames by which a clip may be moved, at most, and the distance of unit vectors by which it must
# come closer: nearly as close is chance, and all clips would drift.
FURTHEST = 4
GAIN = 0.01
BATCH = 64


def main(prepared: Path, judge: Path, lags: Path, out: Path, table: Path | None = None) -> Path:
    """Write `lags`, the clips to learn from each at the lag that fits best, to `out`.

    Raises NamedError `checkpoint-corrupt`, and `nothing-prepared` as windows.load does.
    """
    network = expert.load(judge)
    known = json.loads(lags.read_text())
    moves = {clip.name: closest(network, clip) for clip in windows.load(prepared, table, lags)[0]}
    out.write_text(json.dumps(known | {name: known[name] + by for name, by in moves.items()}))
    print("moved by frames:", dict(sorted(Counter(moves.values()).items())))
    return out


def closest(network: nn.Module, clip: windows.Clip) -> int:
    """By how many frames the sound of a clip is to be moved for its mouths to be closest to it.

    At a positive number the sound is heard later; 0 where none within FURTHEST is better by GAIN.
    """
    sounds, mouths = embedded(network, clip)
    tried = range(-FURTHEST, FURTHEST + 1)
    apart = np.array([_apart(sounds, mouths, lag) for lag in tried])
    best = int(apart.argmin())
    # The least at an end may be on its way to less beyond.
    inside = 0 < best < len(tried) - 1
    return tried[best] if inside and apart[best] < apart[FURTHEST] - GAIN else 0


@torch.inference_mode()
def embedded(network: nn.Module, clip: windows.Clip) -> tuple[Tensor, Tensor]:
    """Sounds and mouths of all windows of a clip, (n, k) each."""
    lower = windows.crop_faces(clip.faces(0, clip.length), clip.region)[:, HALF:]
    pairs = []
    for batch in torch.arange(clip.length - FRAMES + 1).split(BATCH):
        firsts = batch.tolist()
        seen = np.stack([stacked(lower[first : first + FRAMES]) for first in firsts])
        heard = np.stack([clip.mel_window(first) for first in firsts])[:, None]
        pairs.append(network(torch.from_numpy(heard), torch.from_numpy(seen).float() / 255))
    sounds, mouths = (torch.cat(parts) for parts in zip(*pairs, strict=True))
    return sounds, mouths


def _apart(sounds: Tensor, mouths: Tensor, lag: int) -> float:
    """The mean distance of mouths from the sounds `lag` windows later."""
    early, late = max(-lag, 0), max(lag, 0)
    count = len(mouths) - abs(lag)
    if count <= 0:
        return float("inf")
    pairs = mouths[early : early + count] - sounds[late : late + count]
    return pairs.norm(dim=1).mean().item()


@click.command(cls=Command)
@click.argument("prepared", type=FOLDER)
@click.argument("expert_file", metavar="EXPERT", type=FILE)
@click.argument("lags", type=FILE)
@click.argument("out", type=NEW_FILE)
@click.option("--table", type=FILE, help="A clips.csv: file, person, held_out.")
def command(prepared: Path, expert_file: Path, lags: Path, out: Path, table: Path | None) -> None:
    """Write LAGS, the clips to learn from each at the lag that EXPERT finds best, to OUT."""
    main(prepared, expert_file, lags, out, table)


if __name__ == "__main__":
    command()
