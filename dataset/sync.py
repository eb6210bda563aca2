"""The audio-video offset of each clip: measured and corrected, or the clip is dropped.

A scorer says for every lag how well the sound fits the lips. If one lag is clearly best, the sound
is moved by it; if none is, the lips do not follow this sound, or the clip does not show it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

import checkpoints
from dataset.footage import find_videos, link_or_copy, read_clip_sound, shift_sound
from dataset.people import faces_file, find_subject, longest_track
from dataset.report import Report
from dataset.worklist import Done, Dropped, Outcome, Task, atomic_output, run_tasks
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
# In frames of 40 ms, the range of the published SyncNet; at a positive lag the sound is late.
LAGS = np.arange(-15, 16)
# Lags closer than this to the best one belong to the same peak: a syllable lasts several frames.
NEIGHBOUR_LAGS = 3
# The accuracy of the scorers, and not noticeable: a lag up to this is not corrected.
TOLERATED_LAG = 1
# Components of a mouth shape that are compared: inner and outer opening.
OPENINGS = slice(0, 2)
MIN_FRAMES = 25
# Amplitude of -60 dB of full scale, below which there is no recording.
SILENCE_AMPLITUDE = 0.001
MIN_SOUND_FRAMES = 20


@dataclass(frozen=True)
class Thresholds:
    """What the best lag must reach to be accepted.

    `fit` is the score for a clip of one second; it falls with the square root of the duration, as
    the score of unrelated sound does. All lags but its neighbours must score less by `margin`.
    """

    fit: float
    margin: float


# Measured on pieces of 27 clips, with their own sound and with that of others, with the compact
# checkpoint: of pieces of 5 s 88 % are kept, 97 % of these at the right lag to a frame, and 2 % of
# those with other sound; of 3 s 75 %, all at the right lag, and 4 %.
DEFAULT_THRESHOLDS = Thresholds(fit=1.08, margin=0.05)


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

    Lags are scored by the compact checkpoint (correlation of the mouth opening that it predicts
    from the sound with the one in the picture), or by an `expert`, a file of SyncNet's weights.
    `fit` and `margin` replace those of DEFAULT_THRESHOLDS. `by_folder` assumes one lag for all
    clips of a folder, as for those cut from one recording; short clips need it. Raises NamedError:
    no-clips, same-folder, same-name, checkpoint-missing, checkpoint-corrupt.
    """
    given = {"fit": fit, "margin": margin}
    thresholds = replace(
        DEFAULT_THRESHOLDS, **{name: value for name, value in given.items() if value is not None}
    )
    settings = {
        "command": "sync",
        "clips": str(clips.absolute()),
        "judge": f"{expert.absolute()} {content_hash(expert)[:12]}" if expert else "compact",
        "detector": default_detector(),
    }
    _scorer(expert)  # raises its errors before anything is measured
    tasks = [Task(name, path) for name, path in find_videos(clips, out).items()]
    do = partial(_measure, expert=expert)
    measured = run_tasks(tasks, do, out, "measured", settings, processes).outcomes
    chosen = [
        Task(task.name, task.source, verdict)
        for task, verdict in zip(tasks, _verdicts(measured, thresholds, by_folder), strict=True)
    ]
    done = run_tasks(chosen, partial(_correct, out=out), out, "journal", settings, processes)
    told = settings | asdict(thresholds) | {"by folder": by_folder}
    kept = [abs(each.facts["lag"]) for each in done.outcomes if not each.reason]
    moved = sum(lag > TOLERATED_LAG for lag in kept)
    notes = [f"{moved} of {len(kept)} had their sound moved. A lag is in frames of 40 ms."]
    shown = ["lag", "fit", "margin"]
    return Report("sync", out, told, Done(done.outcomes, done.fresh), shown, notes).write()


def verdict(curve: np.ndarray, seconds: float, thresholds: Thresholds) -> dict[str, Any]:
    """The best lag of a clip of that duration, as JSON values: lag, fit, margin, reason.

    `curve` (31,) are the scores at LAGS; `reason` says why no lag is accepted, or is "".
    """
    best = int(np.nanargmax(curve))
    far = np.abs(LAGS - LAGS[best]) >= NEIGHBOUR_LAGS
    fit, margin = float(curve[best]), float(curve[best] - np.nanmax(curve[far]))
    needed = thresholds.fit / seconds**0.5
    reason = ""
    if fit < needed:
        reason = f"the lips do not follow the sound: {fit:.2f} at best, {needed:.2f} needed"
    elif margin < thresholds.margin:
        reason = f"no lag is clearly best: by {margin:.2f}"
    elif abs(LAGS[best]) == LAGS[-1]:
        reason = f"further apart than can be measured: {LAGS[-1]} frames or more"
    return {
        "lag": int(LAGS[best]),
        "fit": round(fit, 3),
        "margin": round(margin, 3),
        "reason": reason,
    }


def _verdicts(
    measured: Sequence[Outcome], thresholds: Thresholds, by_folder: bool
) -> list[dict[str, Any]]:
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
            found[group] = verdict(np.ma.filled(mean, np.nan), sum(weights), thresholds)
    return [
        {"reason": each.reason}
        if each.reason
        else found[_group(each.name, by_folder)] | {"seconds": each.facts["seconds"]}
        for each in measured
    ]


def _group(name: str, by_folder: bool) -> str:
    return name.rpartition("/")[0] if by_folder else name


def _measure(task: Task, expert: Path | None) -> Outcome:
    scene = find_subject(task.source)
    (person,) = scene.persons
    track = longest_track(scene, person, FPS)
    if len(track) < MIN_FRAMES:
        raise Dropped(f"face in sight for less than 1 s: {len(track)} frames")
    frames = read_frames(task.source, track.first, track.first + len(track), FPS)
    upright = (track.upright(number, frame) for number, frame in enumerate(frames))
    samples = read_clip_sound(task.source, track.first / FPS, len(track) / FPS, SAMPLE_RATE)
    curve = _scorer(expert)(upright, track.boxes, samples)
    return Outcome(facts={"curve": curve.round(4).tolist(), "seconds": float(len(track) / FPS)})


def _correct(task: Task, out: Path) -> Outcome:
    known = dict(task.what)
    if reason := known.pop("reason"):
        return Outcome(reason=reason, facts=known)
    name = f"{task.name}{task.source.suffix.lower()}"
    made = [name]
    with atomic_output(out, name) as path:
        if abs(known["lag"]) <= TOLERATED_LAG:
            link_or_copy(task.source, path)
        else:
            shift_sound(task.source, path, known["lag"] / FPS)
    if (faces := faces_file(task.source)).exists():
        made.append(faces_file(Path(name)).as_posix())
        with atomic_output(out, made[-1]) as path:
            link_or_copy(faces, path)
    return Outcome(made=tuple(made), facts=known)


class _VoiceNetScorer:
    """Correlation of the openings that the compact checkpoint predicts with the real ones."""

    def __init__(self) -> None:
        self._engine = CompactEngine.from_checkpoint(checkpoints.require("compact"), "cpu")

    def __call__(
        self, frames: Iterable[np.ndarray], boxes: np.ndarray, samples: np.ndarray
    ) -> np.ndarray:
        loud = np.flatnonzero(np.abs(samples) > SILENCE_AMPLITUDE) * int(FPS) // SAMPLE_RATE
        if not len(loud) or loud[-1] - loud[0] < MIN_SOUND_FRAMES:
            raise Dropped("hardly any sound")
        # Digital silence at the ends is where sound was cut off or moved: it is left out.
        sounding = slice(int(loud[0]), int(loud[-1]) + 1)
        points = [landmarks_in_fitted(f, tuple(b)) for f, b in zip(frames, boxes, strict=False)]
        seen = mouth_shape.measure(smooth_landmarks(np.stack(points)))
        said = self._engine.drive(mel_spectrogram(samples), 0, len(points), FPS)
        return av_offset.curve(
            [(said[sounding, OPENINGS], seen[sounding, OPENINGS])], LAGS.tolist()
        )


class _ExpertScorer:
    """A sync expert's mean distance below that of all lags, in standard deviations of a window."""

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
def _scorer(expert: Path | None) -> _VoiceNetScorer | _ExpertScorer:
    torch.set_num_threads(1)
    return _ExpertScorer(expert) if expert else _VoiceNetScorer()
