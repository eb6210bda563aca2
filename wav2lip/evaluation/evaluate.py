"""Evaluating a checkpoint on pairs: in processes, each once, to be gone on with at any time."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import torch

import wav2lip
from media.atomic import replacing
from media.errors import NamedError
from media.probe import content_hash
from media.sound import read_sound
from wav2lip import weights
from wav2lip.audio import SAMPLE_RATE
from wav2lip.compact import mouth_shape
from wav2lip.engine import Engine
from wav2lip.evaluation import expert, figures, mouths
from wav2lip.evaluation.bootstrap import Estimate, estimate
from wav2lip.evaluation.footage import FPS, Footage, of_length, recorded
from wav2lip.evaluation.meter import Score, measured, measured_real
from wav2lip.evaluation.pairs import Pair, enough
from wav2lip.evaluation.redrawing import redrawn
from wav2lip.evaluation.sheets import Sheet, drawn
from wav2lip.evaluation.takes import takes_of

# Raised whenever a number comes to mean something else: what was kept before is then not used.
VERSION = 4
# A mouth at rest cannot be told from fewer frames: the person's short clips are pooled for it.
SHORT_CLIP = 100

Progress = Callable[[int, int], None]  # is told how many steps are done, of how many
Outcome = TypeVar("Outcome")


@dataclass(frozen=True)
class Plan:
    """What is asked for."""

    pairs: list[Pair]
    keep: Path  # the folder for what is measured
    experts: tuple[Path, ...] = ()
    frames: int = 400  # of one person, at most
    sheets: int = 12  # contact sheets, of a clip of so many persons
    seed: int = 0
    processes: int = 2
    device: str | None = None


@dataclass(frozen=True)
class Evaluation:
    """What was measured of one checkpoint."""

    checkpoint: str
    experts: list[str]
    persons: dict[str, int]  # clips of each
    table: list[figures.Figure]
    # By figure and take, then by person: what each clip adds, (clips, k).
    sums: dict[tuple[str, str], dict[str, np.ndarray]]
    sheets: dict[str, Sheet]  # by person
    left_out: dict[str, str]  # clips that could not be used, and why

    def estimate(self, figure: figures.Figure, take: str) -> Estimate | None:
        """A figure of a take; None where the take has none."""
        sums = self.sums.get((figure.key, take))
        return None if sums is None else estimate(sums, figure.value, figure.middle)

    def gain(self, other: "Evaluation", figure: figures.Figure, take: str) -> Estimate | None:
        """How much more a figure is here than with another checkpoint, on the same clips."""
        mine, theirs = (each.sums.get((figure.key, take)) for each in (self, other))
        if mine is None or theirs is None:
            return None
        return estimate(mine, figure.value, figure.middle, minus=theirs)


def evaluate(
    checkpoint: str | Path, plan: Plan, progress: Progress = lambda _done, _all: None
) -> Evaluation:
    """Let a checkpoint speak all pairs of a plan, and measure it.

    What is measured is kept in `plan.keep`: started again, or for another checkpoint, only what is
    new is done. A clip that cannot be used is left out, with the reason. Raises NamedError as
    `wav2lip.load` does, and `nothing-evaluated` when no clip is left.
    """
    path, _ = weights.locate(checkpoint)
    for name in ("footage", "scores", "players"):
        (plan.keep / name).mkdir(parents=True, exist_ok=True)
    pairs = enough(plan.pairs, plan.frames / FPS)
    # A forked child would inherit locks of torch's threads, held for ever.
    with ProcessPoolExecutor(plan.processes, get_context("spawn"), _use_one_core) as pool:
        watching = {pool.submit(_watch, pair, plan): pair for pair in pairs}
        seen, left_out = _gathered(watching, lambda done: progress(done, 2 * len(pairs)))
        rests = _rests(seen)
        speaking = {
            pool.submit(_score, pair, rests[pair], path, plan): pair
            for pair in pairs
            if pair in seen
        }
        scores, more = _gathered(
            speaking, lambda done: progress(len(pairs) + done, len(pairs) + len(speaking))
        )
        shown = {pair.person: pair for pair in reversed(scores)}
        drawing = {
            pool.submit(_sheet, shown[person], rests[shown[person]], path, plan): shown[person]
            for person in sorted(shown)[: plan.sheets]
        }
        sheets, _ = _gathered(drawing, lambda _done: None)
    left_out |= more
    if not scores:
        raise _nothing_evaluated(left_out)
    experts = [each.stem for each in plan.experts]
    persons = [pair.person for pair in scores]
    calibrated = figures.calibrated(list(scores.values()), persons, experts)
    table = figures.table(experts)
    return Evaluation(
        str(checkpoint),
        experts,
        dict(Counter(persons)),
        table,
        _summed(persons, calibrated, table),
        {pair.person: sheet for pair, sheet in sheets.items()},
        left_out,
    )


def _gathered(
    futures: dict[Future[Outcome], Pair], progress: Callable[[int], None]
) -> tuple[dict[Pair, Outcome], dict[str, str]]:
    """What came of each pair, in the order of the pairs, and why nothing came of others."""
    left_out = {}
    for done, future in enumerate(as_completed(futures), start=1):
        error = future.exception()
        if isinstance(error, NamedError):
            left_out[str(futures[future].face)] = error.message
        elif error is not None:
            raise error
        progress(done)
    kept = {pair: future.result() for future, pair in futures.items() if not future.exception()}
    return kept, left_out


def _watch(pair: Pair, plan: Plan) -> Footage:
    target = plan.keep / "footage" / f"{_key(content_hash(pair.face), plan.frames)}.npz"
    return recorded(pair.face, target, plan.frames)


def _rests(seen: dict[Pair, Footage]) -> dict[Pair, np.ndarray]:
    """The closed mouth (8,) of each pair's speaker."""
    pooled: dict[str, list[np.ndarray]] = {}
    for pair, clip in seen.items():
        if len(clip) < SHORT_CLIP:
            pooled.setdefault(pair.person, []).append(clip.raw)
    return {
        pair: mouth_shape.rest(
            clip.raw if len(clip) >= SHORT_CLIP else np.concatenate(pooled[pair.person])
        )
        for pair, clip in seen.items()
    }


def _sheet(pair: Pair, rest: np.ndarray, checkpoint: Path, plan: Plan) -> Sheet:
    clip = _watch(pair, plan)
    key = _key("sheet", *_made_of(pair, rest, checkpoint, plan))
    other = of_length(_other_voice(pair), len(clip))
    player = plan.keep / "players" / f"{key}.mp4"
    return drawn(clip, other, rest, _engine(checkpoint, plan.device), player)


def _score(pair: Pair, rest: np.ndarray, checkpoint: Path, plan: Plan) -> Score:
    """What is measured of a pair."""
    clip = _watch(pair, plan)
    experts = [_expert(path) for path in plan.experts]
    heard_by = [_hash(path) for path in plan.experts]

    def made() -> Score:
        engine = _engine(checkpoint, plan.device)
        other = of_length(_other_voice(pair), len(clip))
        score = redrawn(clip, rest, engine, plan.seed)
        for take in takes_of(clip, other, rest, engine):
            score |= measured(take, clip, experts, other)
        return score

    as_it_is = _key("real", content_hash(pair.face), plan.frames, heard_by)
    as_made = _key("made", heard_by, *_made_of(pair, rest, checkpoint, plan))
    real = _kept(as_it_is, plan, lambda: measured_real(clip, experts))
    silent = {"silent": mouths.silent(clip.samples, len(clip))}
    return real | silent | _kept(as_made, plan, made)


def _made_of(pair: Pair, rest: np.ndarray, checkpoint: Path, plan: Plan) -> list[object]:
    """All that decides what is made of a pair."""
    clips = [content_hash(pair.face), content_hash(pair.other), pair.offset]
    return [*clips, plan.frames, rest.tolist(), _hash(checkpoint), plan.seed]


def _kept(key: str, plan: Plan, measure: Callable[[], Score]) -> Score:
    target = plan.keep / "scores" / f"{key}.npz"
    if not target.exists():
        with replacing(target) as unfinished, unfinished.open("wb") as opened:
            np.savez(opened, allow_pickle=False, **measure())
    with np.load(target) as kept:
        return dict(kept)


def _other_voice(pair: Pair) -> np.ndarray:
    samples = read_sound(pair.other, SAMPLE_RATE)
    if pair.other == pair.face:
        return np.roll(samples, len(samples) // 2)
    return samples[round(pair.offset * SAMPLE_RATE) :]


def _summed(
    persons: list[str], scores: list[Score], table: list[figures.Figure]
) -> dict[tuple[str, str], dict[str, np.ndarray]]:
    sums: dict[tuple[str, str], dict[str, list[np.ndarray]]] = {}
    for figure in table:
        for take in figure.takes:
            for person, score in zip(persons, scores, strict=True):
                added = figure.sums(score, take)
                if added is not None:
                    cell = sums.setdefault((figure.key, take), {})
                    cell.setdefault(person, []).append(added)
    return {
        cell: {person: np.stack(rows) for person, rows in of_persons.items()}
        for cell, of_persons in sums.items()
    }


def _key(*parts: object) -> str:
    return hashlib.sha256(json.dumps([VERSION, *parts]).encode()).hexdigest()[:32]


_hash = lru_cache(maxsize=8)(content_hash)
_engine: Callable[..., Engine] = lru_cache(maxsize=1)(wav2lip.load)
_expert = lru_cache(maxsize=4)(expert.load)


def _use_one_core() -> None:
    """As many processes work as there are cores to be used."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def _nothing_evaluated(left_out: dict[str, str]) -> NamedError:
    why = "\n".join(left_out.values())
    return NamedError(
        "nothing-evaluated",
        f"None of the clips could be used:\n{why}",
        "Choose clips in which a speaker faces the camera, with their voice as sound.",
    )
