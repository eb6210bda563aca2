"""By how much sound and lips are apart in each clip: measured, mended, or the clip is dropped.

A judge says for every lag how well the sound fits the lips. Where one lag is clearly best, the
sound is moved by it; where none is, the lips do not follow this sound, or nobody can tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

import checkpoints
from dataset.footage import heard, link, shift_sound, videos
from dataset.people import faces_file, stretch, subject
from dataset.report import Report
from dataset.worklist import Done, Dropped, Outcome, Task, placing, work
from face_detection.detectors import default_detector
from face_detection.landmarks import landmarks_in_fitted
from media.probe import content_hash
from media.video import read_frames
from wav2lip.audio import SAMPLE_RATE, mel_spectrogram
from wav2lip.compact import mouth_shape
from wav2lip.compact.engine import CompactEngine
from wav2lip.evaluation import expert as experts
from wav2lip.evaluation.footage import Face, smooth_landmarks
from wav2lip.training import av_offset

FPS = Fraction(25)
# Lags in frames of 40 ms, as the published SyncNet is asked for; at a positive one the voice is
# heard later than the lips say it.
LAGS = np.arange(-15, 16)
# Fits this near to the best lag belong to it: a syllable lasts longer than a frame.
NEAR = 3
# What a judge errs by, and nobody sees: such a lag is left alone.
LEFT_ALONE = 1
# The mouth shapes that count: inner and outer opening.
OPENINGS = slice(0, 2)
SHORTEST = 25
# Quieter samples (of 1) are no recording: -60 dB.
DEAD = 0.001
SOUNDING = 20  # frames


@dataclass(frozen=True)
class Demand:
    """What a lag must reach to be believed.

    `fit` is for one second and falls with the root of a clip's length, as what a stranger's sound
    reaches by chance does. All lags but its neighbours must fit worse by `margin`.
    """

    fit: float
    margin: float


# Measured on pieces of 27 clips, with their own sound and with a stranger's. By the compact
# checkpoint 88 % of the pieces of 5 s are kept, 97 % of those at the right lag to a frame, and 2 %
# of the strangers; of 3 s 75 %, all right, and 4 %.
USUAL = Demand(fit=1.08, margin=0.05)


def main(
    clips: Path,
    out: Path,
    expert: Path | None = None,
    fit: float | None = None,
    margin: float | None = None,
    by_folder: bool = False,
    processes: int = 1,
) -> Report:
    """Write the clips of `clips` whose lips follow their sound to `out`, in sync.

    The judge is the compact checkpoint (the opening it makes of the sound against the one that is
    seen), or an `expert`, a file of SyncNet's weights. `by_folder` takes all clips of a folder to
    have one lag, as those cut from one recording do; short clips need it. Raises NamedError:
    no-clips, same-folder, same-name, checkpoint-missing, checkpoint-corrupt.
    """
    demand = Demand(USUAL.fit if fit is None else fit, USUAL.margin if margin is None else margin)
    settings = {
        "command": "sync",
        "clips": str(clips.absolute()),
        "judge": f"{expert.absolute()} {content_hash(expert)[:12]}" if expert else "compact",
        "detector": default_detector(),
    }
    _judge(expert)  # what is wrong with it is said before anything begins
    tasks = [Task(name, path) for name, path in videos(clips, out).items()]
    do = partial(_measure, expert=expert)
    measured = work(tasks, do, out, "measured", settings, processes).outcomes
    chosen = [
        Task(task.name, task.source, verdict)
        for task, verdict in zip(tasks, _verdicts(measured, demand, by_folder), strict=True)
    ]
    done = work(chosen, partial(_mend, out=out), out, "journal", settings, processes)
    told = settings | asdict(demand) | {"by folder": by_folder}
    kept = [abs(each.facts["lag"]) for each in done.outcomes if not each.reason]
    moved = sum(lag > LEFT_ALONE for lag in kept)
    notes = [f"{moved} of {len(kept)} had their sound moved. A lag is in frames of 40 ms."]
    shown = ["lag", "fit", "margin"]
    return Report("sync", out, told, Done(done.outcomes, done.fresh), shown, notes).write()


def verdict(curve: np.ndarray, seconds: float, demand: Demand) -> dict[str, Any]:
    """The best of a fit at each of `LAGS` over so many `seconds`, as JSON values.

    They are lag, fit, margin and reason: why none is best, or empty.
    """
    best = int(np.nanargmax(curve))
    far = np.abs(LAGS - LAGS[best]) >= NEAR
    fit, margin = float(curve[best]), float(curve[best] - np.nanmax(curve[far]))
    needed = demand.fit / seconds**0.5
    reason = ""
    if fit < needed:
        reason = f"the lips do not follow the sound: {fit:.2f} at best, {needed:.2f} needed"
    elif margin < demand.margin:
        reason = f"no lag is clearly best: by {margin:.2f}"
    elif abs(LAGS[best]) == LAGS[-1]:
        reason = f"further apart than can be measured: {LAGS[-1]} frames or more"
    return {
        "lag": int(LAGS[best]),
        "fit": round(fit, 3),
        "margin": round(margin, 3),
        "reason": reason,
    }


def _verdicts(measured: Sequence[Outcome], demand: Demand, by_folder: bool) -> list[dict[str, Any]]:
    groups: dict[str, list[Outcome]] = {}
    for each in measured:
        groups.setdefault(_group(each.name, by_folder), []).append(each)
    found = {}
    for group, members in groups.items():
        seen = [each for each in members if not each.reason]
        if seen:
            curves = np.ma.masked_invalid([each.facts["curve"] for each in seen])
            weights = [each.facts["seconds"] for each in seen]
            mean = np.ma.average(curves, axis=0, weights=weights)
            found[group] = verdict(np.ma.filled(mean, np.nan), sum(weights), demand)
    return [
        {"reason": each.reason}
        if each.reason
        else found[_group(each.name, by_folder)] | {"seconds": each.facts["seconds"]}
        for each in measured
    ]


def _group(name: str, by_folder: bool) -> str:
    return name.rpartition("/")[0] if by_folder else name


def _measure(task: Task, expert: Path | None) -> Outcome:
    scene = subject(task.source)
    (person,) = scene.persons
    seen = stretch(scene, person, FPS)
    if len(seen) < SHORTEST:
        raise Dropped(f"face in sight for less than 1 s: {len(seen)} frames")
    frames = read_frames(task.source, seen.first, seen.first + len(seen), FPS)
    upright = (seen.upright(number, frame) for number, frame in enumerate(frames))
    samples = heard(task.source, seen.first / FPS, len(seen) / FPS, SAMPLE_RATE)
    curve = _judge(expert)(upright, seen.boxes, samples)
    return Outcome(facts={"curve": curve.round(4).tolist(), "seconds": float(len(seen) / FPS)})


def _mend(task: Task, out: Path) -> Outcome:
    known = dict(task.what)
    if reason := known.pop("reason"):
        return Outcome(reason=reason, facts=known)
    name = f"{task.name}{task.source.suffix.lower()}"
    made = [name]
    with placing(out, name) as path:
        if abs(known["lag"]) <= LEFT_ALONE:
            link(task.source, path)
        else:
            shift_sound(task.source, path, known["lag"] / FPS)
    if (faces := faces_file(task.source)).exists():
        made.append(faces_file(Path(name)).as_posix())
        with placing(out, made[-1]) as path:
            link(faces, path)
    return Outcome(made=tuple(made), facts=known)


class _VoiceJudge:
    """What the compact checkpoint would let a mouth do, beside what it does."""

    def __init__(self) -> None:
        self._engine = CompactEngine.from_checkpoint(checkpoints.require("compact"), "cpu")

    def __call__(
        self, frames: Iterable[np.ndarray], boxes: np.ndarray, samples: np.ndarray
    ) -> np.ndarray:
        loud = np.flatnonzero(np.abs(samples) > DEAD) * int(FPS) // SAMPLE_RATE
        if not len(loud) or loud[-1] - loud[0] < SOUNDING:
            raise Dropped("hardly any sound")
        # Where there is no sound at all it was cut off or moved: that says nothing of a mouth.
        sounding = slice(int(loud[0]), int(loud[-1]) + 1)
        points = [landmarks_in_fitted(f, tuple(b)) for f, b in zip(frames, boxes, strict=False)]
        seen = mouth_shape.measure(smooth_landmarks(np.stack(points)))
        said = self._engine.drive(mel_spectrogram(samples), 0, len(points), FPS)
        return av_offset.curve(
            [(said[sounding, OPENINGS], seen[sounding, OPENINGS])], LAGS.tolist()
        )


class _ExpertJudge:
    """By how many deviations of a single window a sync expert's distances are below their mean."""

    def __init__(self, path: Path) -> None:
        self._expert = experts.load(path, path.stem)

    def __call__(
        self, frames: Iterable[np.ndarray], boxes: np.ndarray, samples: np.ndarray
    ) -> np.ndarray:
        crops = [self._expert.crop(f, Face(b, 0.0)) for f, b in zip(frames, boxes, strict=False)]
        distances = self._expert.distances(np.stack(crops), samples)
        beyond = distances - np.nanmean(distances, axis=1, keepdims=True)
        return -np.nanmean(beyond, axis=0) / max(float(np.nanstd(beyond)), 1e-6)


@lru_cache(maxsize=1)
def _judge(expert: Path | None) -> _VoiceJudge | _ExpertJudge:
    torch.set_num_threads(1)
    return _ExpertJudge(expert) if expert else _VoiceJudge()
