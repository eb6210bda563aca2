"""Evaluating a checkpoint on pairs of clips, in a pool of processes; can be interrupted."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import torch

import wav2lip
from media.errors import NamedError
from wav2lip import weights
from wav2lip.compact import mouth_shape
from wav2lip.evaluation import expert, metrics
from wav2lip.evaluation.bootstrap import Estimate, estimate
from wav2lip.evaluation.cache import footage_of, measurements_of, sheet_of
from wav2lip.evaluation.config import Config
from wav2lip.evaluation.footage import FPS, Footage
from wav2lip.evaluation.measure import Measurements
from wav2lip.evaluation.metrics import Metric
from wav2lip.evaluation.pairs import Pair, limit_seconds
from wav2lip.evaluation.sheets import ContactSheet
from wav2lip.process_pool import working

# The closed mouth of a person cannot be told from fewer frames: the person's clips are pooled.
SHORT_CLIP = 100

Progress = Callable[[int, int], None]  # called with the steps done, and all steps
Result = TypeVar("Result")


@dataclass(frozen=True)
class Evaluation:
    """The metrics of one checkpoint."""

    checkpoint: str
    experts: list[str]
    persons: dict[str, int]  # clips of each
    metrics: list[Metric]
    # By key of the metric and condition, then by person: what each clip adds, (clips, k).
    statistics: dict[tuple[str, str], dict[str, np.ndarray]]
    sheets: dict[str, ContactSheet]  # by person
    left_out: dict[str, str]  # clips that could not be used, and why

    def estimate(self, metric: Metric, condition: str) -> Estimate | None:
        """A metric in a condition with its interval; None if the condition was not measured."""
        statistics = self.statistics.get((metric.key, condition))
        return None if statistics is None else estimate(statistics, metric.value, metric.aggregate)

    def gain(self, other: "Evaluation", metric: Metric, condition: str) -> Estimate | None:
        """The difference of a metric to that of another checkpoint on the same clips, or None."""
        cell = metric.key, condition
        mine, theirs = self.statistics.get(cell), other.statistics.get(cell)
        if mine is None or theirs is None:
            return None
        return estimate(mine, metric.value, metric.aggregate, baseline=theirs)


def evaluate(
    checkpoint: str | Path, config: Config, progress: Progress = lambda _done, _all: None
) -> Evaluation:
    """Animate the clips of all pairs with a checkpoint, and measure the results.

    `checkpoint` is a name or a file of weights. Measurements are kept in `config.folder`: the next
    call, or one for another checkpoint, computes only what is missing. A clip that cannot be used
    is left out, with the reason. Raises NamedError as `check` does, `nothing-evaluated` if no clip
    is left, and `worker-died`.
    """
    path = check(checkpoint, config)
    for name in ("footage", "scores", "players"):
        (config.folder / name).mkdir(parents=True, exist_ok=True)
    with working(config.processes, _use_one_core) as pool:
        try:
            measured, sheets, left_out = _measure_all(pool, path, config, progress)
        except BrokenProcessPool as error:
            raise _worker_died() from error
    if not measured:
        raise _nothing_evaluated(left_out)
    experts = dict(zip(config.experts, config.expert_keys(), strict=True))
    persons = [pair.person for pair in measured]
    clips = metrics.with_thresholds(list(measured.values()), persons, list(experts.values()))
    lines = metrics.all_metrics(experts)
    return Evaluation(
        str(checkpoint),
        list(experts),
        dict(Counter(persons)),
        lines,
        _statistics(persons, clips, lines),
        sheets,
        left_out,
    )


def check(checkpoint: str | Path, config: Config) -> Path:
    """The file of a checkpoint, after loading it and the sync experts once.

    Raises NamedError as `wav2lip.load` and `expert.load` do.
    """
    wav2lip.load(checkpoint, config.device, precision=config.precision)
    for name, path in config.experts.items():
        expert.load(path, name)
    return weights.locate(checkpoint)[0]


def _measure_all(
    pool: ProcessPoolExecutor, checkpoint: Path, config: Config, progress: Progress
) -> tuple[dict[Pair, Measurements], dict[str, ContactSheet], dict[str, str]]:
    """Measurements by pair, contact sheets by person, and why clips were left out."""
    pairs = limit_seconds(config.pairs, config.frames / FPS)
    steps = 2 * len(pairs)
    tracking = {pool.submit(footage_of, pair, config): pair for pair in pairs}
    clips, not_tracked = _collect(tracking, lambda done: progress(done, steps))
    closed = _closed_mouths(clips)
    measuring = {
        pool.submit(measurements_of, pair, closed[pair], checkpoint, config): pair for pair in clips
    }
    measured, not_measured = _collect(measuring, lambda done: progress(len(pairs) + done, steps))
    first = {pair.person: pair for pair in reversed(measured)}
    drawing = {
        pool.submit(sheet_of, pair, closed[pair], checkpoint, config): pair
        for _, pair in sorted(first.items())[: config.sheets]
    }
    sheets, _ = _collect(drawing, lambda _done: None)
    left_out = {str(pair.face): why for pair, why in not_tracked.items()}
    left_out |= {str(pair): why for pair, why in not_measured.items()}
    return measured, {pair.person: sheet for pair, sheet in sheets.items()}, left_out


def _collect(
    futures: dict[Future[Result], Pair], progress: Callable[[int], None]
) -> tuple[dict[Pair, Result], dict[Pair, str]]:
    """The results in the order of the pairs, and for pairs without one the NamedError's message."""
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


def _closed_mouths(clips: dict[Pair, Footage]) -> dict[Pair, np.ndarray]:
    """The mouth lengths (8,) at rest of each pair's speaker."""
    pooled: dict[str, list[np.ndarray]] = {}
    for pair, clip in clips.items():
        if len(clip) < SHORT_CLIP:
            pooled.setdefault(pair.person, []).append(clip.mouth_lengths)
    return {
        pair: mouth_shape.rest(
            clip.mouth_lengths if len(clip) >= SHORT_CLIP else np.concatenate(pooled[pair.person])
        )
        for pair, clip in clips.items()
    }


def _statistics(
    persons: list[str], clips: list[Measurements], lines: list[Metric]
) -> dict[tuple[str, str], dict[str, np.ndarray]]:
    """What each clip adds to each metric in each condition, as `Evaluation.statistics` holds it."""
    cells: dict[tuple[str, str], dict[str, list[np.ndarray]]] = {}
    for metric in lines:
        for condition in metric.conditions:
            for person, clip in zip(persons, clips, strict=True):
                added = metric.statistics(clip, condition)
                if added is not None:
                    cell = cells.setdefault((metric.key, condition), {})
                    cell.setdefault(person, []).append(added)
    return {
        cell: {person: np.stack(rows) for person, rows in of_persons.items()}
        for cell, of_persons in cells.items()
    }


def _use_one_core() -> None:
    """Set up a process of the pool, which has as many processes as cores are to be used."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


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
