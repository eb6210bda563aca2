"""Evaluating a checkpoint on pairs: in processes, each once, to be gone on with at any time."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

import wav2lip
from media.errors import NamedError
from wav2lip import weights
from wav2lip.compact import mouth_shape
from wav2lip.evaluation import expert, metrics
from wav2lip.evaluation.bootstrap import Estimate, estimate
from wav2lip.evaluation.footage import FPS, Footage
from wav2lip.evaluation.measure import Plan, keys, score_of, sheet_of, use_one_core, watched
from wav2lip.evaluation.meter import Score
from wav2lip.evaluation.pairs import Pair, enough
from wav2lip.evaluation.sheets import Sheet
from wav2lip.process_pool import working

# A mouth at rest cannot be told from fewer frames: the person's short clips are pooled for it.
SHORT_CLIP = 100

Progress = Callable[[int, int], None]  # is told how many steps are done, of how many
Outcome = TypeVar("Outcome")


@dataclass(frozen=True)
class Evaluation:
    """What was measured of one checkpoint."""

    checkpoint: str
    experts: list[str]
    persons: dict[str, int]  # clips of each
    table: list[metrics.Figure]
    # By figure and take, then by person: what each clip adds, (clips, k).
    sums: dict[tuple[str, str], dict[str, np.ndarray]]
    sheets: dict[str, Sheet]  # by person
    left_out: dict[str, str]  # clips that could not be used, and why

    def estimate(self, figure: metrics.Figure, take: str) -> Estimate | None:
        """A figure of a take; None where the take has none."""
        sums = self.sums.get((figure.key, take))
        return None if sums is None else estimate(sums, figure.value, figure.middle)

    def gain(self, other: "Evaluation", figure: metrics.Figure, take: str) -> Estimate | None:
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
    `wav2lip.load` does, `nothing-evaluated` when no clip is left, and `worker-died`.
    """
    path = check(checkpoint, plan)
    for name in ("footage", "scores", "players"):
        (plan.keep / name).mkdir(parents=True, exist_ok=True)
    with working(plan.processes, use_one_core) as pool:
        try:
            scores, sheets, left_out = _measured(pool, path, plan, progress)
        except BrokenProcessPool as error:
            raise _worker_died() from error
    if not scores:
        raise _nothing_evaluated(left_out)
    experts = dict(zip(plan.experts, keys(plan), strict=True))
    persons = [pair.person for pair in scores]
    calibrated = metrics.calibrated(list(scores.values()), persons, list(experts.values()))
    table = metrics.table(experts)
    sums = _summed(persons, calibrated, table)
    return Evaluation(
        str(checkpoint), list(experts), dict(Counter(persons)), table, sums, sheets, left_out
    )


def check(checkpoint: str | Path, plan: Plan) -> Path:
    """The file of a checkpoint; says what is wrong with it, or with the experts, at once.

    Raises NamedError as `wav2lip.load` and `expert.load` do.
    """
    wav2lip.load(checkpoint, plan.device, precision=plan.precision)
    for name, path in plan.experts.items():
        expert.load(path, name)
    return weights.locate(checkpoint)[0]


def _measured(
    pool: ProcessPoolExecutor, checkpoint: Path, plan: Plan, progress: Progress
) -> tuple[dict[Pair, Score], dict[str, Sheet], dict[str, str]]:
    """Scores by pair, a sheet by person, and why clips were left out."""
    pairs = enough(plan.pairs, plan.frames / FPS)
    steps = 2 * len(pairs)
    watching = {pool.submit(watched, pair, plan): pair for pair in pairs}
    seen, unseen = _gathered(watching, lambda done: progress(done, steps))
    rests = _rests(seen)
    speaking = {pool.submit(score_of, pair, rests[pair], checkpoint, plan): pair for pair in seen}
    scores, unspoken = _gathered(speaking, lambda done: progress(len(pairs) + done, steps))
    first = {pair.person: pair for pair in reversed(scores)}
    drawing = {
        pool.submit(sheet_of, pair, rests[pair], checkpoint, plan): pair
        for _, pair in sorted(first.items())[: plan.sheets]
    }
    sheets, _ = _gathered(drawing, lambda _done: None)
    left_out = {str(pair.face): why for pair, why in unseen.items()}
    left_out |= {str(pair): why for pair, why in unspoken.items()}
    return scores, {pair.person: sheet for pair, sheet in sheets.items()}, left_out


def _gathered(
    futures: dict[Future[Outcome], Pair], progress: Callable[[int], None]
) -> tuple[dict[Pair, Outcome], dict[Pair, str]]:
    """What came of each pair, in the order of the pairs, and why nothing came of others."""
    left_out = {}
    for done, future in enumerate(as_completed(futures), start=1):
        error = future.exception()
        if isinstance(error, NamedError):
            left_out[futures[future]] = error.message
        elif error is not None:
            raise error
        progress(done)
    kept = {pair: future.result() for future, pair in futures.items() if not future.exception()}
    return kept, left_out


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


def _summed(
    persons: list[str], scores: list[Score], table: list[metrics.Figure]
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


def _worker_died() -> NamedError:
    return NamedError(
        "worker-died",
        "A process of the evaluation was ended from outside, mostly for want of memory.",
        "Run it again with fewer --processes: it goes on where it was.",
    )


def _nothing_evaluated(left_out: dict[str, str]) -> NamedError:
    why = "\n".join(left_out.values())
    return NamedError(
        "nothing-evaluated",
        f"None of the clips could be used:\n{why}",
        "Choose clips in which a speaker faces the camera, with their voice as sound.",
    )
