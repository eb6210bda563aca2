"""Measuring one pair, in whatever process: what is measured is kept, and measured once."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import torch

import wav2lip
from media.atomic import replacing
from media.errors import NamedError
from media.probe import content_hash
from media.sound import read_sound
from wav2lip.audio import SAMPLE_RATE
from wav2lip.engine import Engine
from wav2lip.evaluation import expert, mouth_metrics
from wav2lip.evaluation.conditions import takes_of
from wav2lip.evaluation.footage import Footage, of_length, recorded
from wav2lip.evaluation.meter import Score, measured, measured_real
from wav2lip.evaluation.pairs import Pair
from wav2lip.evaluation.reconstruction import redrawn
from wav2lip.evaluation.sheets import Sheet, drawn

# Raised whenever a number comes to mean something else: what was kept before is then not used.
VERSION = 5

_hash = lru_cache(maxsize=8)(content_hash)
_engine: Callable[..., Engine] = lru_cache(maxsize=1)(wav2lip.load)
_expert = lru_cache(maxsize=4)(expert.load)


@dataclass(frozen=True)
class Plan:
    """What is asked for."""

    pairs: list[Pair]
    keep: Path  # the folder for what is measured
    experts: Mapping[str, Path] = field(default_factory=dict)  # by the name to be shown
    frames: int = 400  # of one person, at most
    sheets: int = 12  # contact sheets, of a clip of so many persons
    seed: int = 0
    processes: int = 2
    device: str | None = None
    precision: str = "auto"


def watched(pair: Pair, plan: Plan) -> Footage:
    """The clip whose face is to speak. Raises NamedError as footage.watch."""
    target = plan.keep / "footage" / f"{_key(content_hash(pair.face), plan.frames)}.npz"
    return recorded(pair.face, target, plan.frames)


def score_of(pair: Pair, rest: np.ndarray, checkpoint: Path, plan: Plan) -> Score:
    """What is measured of a pair; `rest` (8,) is the speaker's closed mouth."""
    clip = watched(pair, plan)
    heard_by = {key: path for path, key in zip(plan.experts.values(), keys(plan), strict=True)}
    experts = [_expert(path, key) for key, path in heard_by.items()]

    def made() -> Score:
        engine = _engine(checkpoint, plan.device, precision=plan.precision)
        other = of_length(_other_voice(pair), len(clip))
        score = redrawn(clip, rest, engine, plan.seed)
        for take in takes_of(clip, other, rest, engine):
            score |= measured(take, clip, experts, other)
        return score

    as_it_is = _key("real", content_hash(pair.face), plan.frames, sorted(heard_by))
    as_made = _key("made", sorted(heard_by), *_made_of(pair, rest, checkpoint, plan))
    real = _kept(as_it_is, plan, lambda: measured_real(clip, experts))
    silent = {"silent": mouth_metrics.silent(clip.samples, len(clip))}
    return real | silent | _kept(as_made, plan, made)


def keys(plan: Plan) -> list[str]:
    """What the measures of each expert are kept under, whatever it is called."""
    return [_hash(path)[:12] for path in plan.experts.values()]


def _made_of(pair: Pair, rest: np.ndarray, checkpoint: Path, plan: Plan) -> list[object]:
    """All that decides what is made of a pair."""
    clips = [content_hash(pair.face), content_hash(pair.other), pair.offset]
    return [*clips, plan.frames, rest.tolist(), _hash(checkpoint), plan.seed, plan.precision]


def _kept(key: str, plan: Plan, measure: Callable[[], Score]) -> Score:
    target = plan.keep / "scores" / f"{key}.npz"
    if not target.exists():
        with replacing(target) as unfinished, unfinished.open("wb") as opened:
            np.savez(opened, allow_pickle=False, **measure())
    with np.load(target) as kept:
        return dict(kept)


def _other_voice(pair: Pair) -> np.ndarray:
    samples = read_sound(pair.other, SAMPLE_RATE)
    if pair.other == pair.face and not pair.offset:
        return np.roll(samples, len(samples) // 2)
    if not 0 <= pair.offset * SAMPLE_RATE < len(samples):
        raise NamedError(
            "bad-list",
            f"{pair.other} has no sound from second {pair.offset:g} on.",
            "Correct the list, or leave the pair out.",
        )
    return samples[round(pair.offset * SAMPLE_RATE) :]


def sheet_of(pair: Pair, rest: np.ndarray, checkpoint: Path, plan: Plan) -> Sheet:
    """What a pair looks like; the arguments are those of `score_of`."""
    clip = watched(pair, plan)
    key = _key("sheet", *_made_of(pair, rest, checkpoint, plan))
    other = of_length(_other_voice(pair), len(clip))
    player = plan.keep / "players" / f"{key}.mp4"
    return drawn(
        clip, other, rest, _engine(checkpoint, plan.device, precision=plan.precision), player
    )


def _key(*parts: object) -> str:
    return hashlib.sha256(json.dumps([VERSION, *parts]).encode()).hexdigest()[:32]


def use_one_core() -> None:
    """As many processes work as there are cores to be used."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
