"""Footage, measurements and contact sheets of a pair, each computed once and kept on disk.

A file is named after everything that decides its content, so that an interrupted run continues and
another checkpoint, expert or clip costs only what is new.
"""

import hashlib
import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np

import wav2lip
from media.atomic import replacing
from media.errors import NamedError
from media.probe import content_hash
from media.sound import read_sound
from wav2lip.audio import SAMPLE_RATE
from wav2lip.engine import Engine
from wav2lip.evaluation import expert, mouth_metrics
from wav2lip.evaluation.conditions import conditions_of
from wav2lip.evaluation.config import Config
from wav2lip.evaluation.footage import Footage, fit_length, load_or_track
from wav2lip.evaluation.measure import Measurements, measure_condition, measure_real
from wav2lip.evaluation.pairs import Pair
from wav2lip.evaluation.reconstruction import measure_reconstruction
from wav2lip.evaluation.sheets import ContactSheet, load_or_draw

# Raised whenever a measurement changes its name or its meaning: older files are then not used.
VERSION = 7

_checkpoint_hash = lru_cache(maxsize=8)(content_hash)
_engine: Callable[..., Engine] = lru_cache(maxsize=1)(wav2lip.load)
_expert = lru_cache(maxsize=4)(expert.load)


def footage_of(pair: Pair, config: Config) -> Footage:
    """The real clip of a pair, tracked. Raises NamedError as `footage.track_speaker` does."""
    target = config.folder / "footage" / f"{_key(content_hash(pair.face), config.frames)}.npz"
    return load_or_track(pair.face, target, config.frames)


def measurements_of(
    pair: Pair, closed_mouth: np.ndarray, checkpoint: Path, config: Config
) -> Measurements:
    """All measurements of a pair: of the real clip, and of a checkpoint in every condition.

    `closed_mouth` (8,) are the speaker's mouth lengths at rest. Beside what the functions of
    `measure` and `reconstruction` return there is `silent` (n,) bool: the frames of the clip in
    which its own voice rests. Raises NamedError as `footage_of`, and `bad-list` for another voice
    that ends before it should begin.
    """
    clip = footage_of(pair, config)
    files = dict(zip(config.expert_keys(), config.experts.values(), strict=True))
    experts = [_expert(path, key) for key, path in files.items()]

    def rendered() -> Measurements:
        engine = _engine(checkpoint, config.device, precision=config.precision)
        other_voice = fit_length(_other_voice(pair), len(clip))
        found = measure_reconstruction(clip, closed_mouth, engine, config.seed)
        for condition in conditions_of(clip, other_voice, closed_mouth, engine):
            found |= measure_condition(condition, clip, experts, other_voice)
        return found

    real_key = _key("real", content_hash(pair.face), config.frames, sorted(files))
    inputs = _render_inputs(pair, closed_mouth, checkpoint, config)
    real = _load_or_measure(real_key, config, lambda: measure_real(clip, experts))
    silent = {"silent": mouth_metrics.silent_frames(clip.samples, len(clip))}
    return real | silent | _load_or_measure(_key("made", sorted(files), *inputs), config, rendered)


def sheet_of(
    pair: Pair, closed_mouth: np.ndarray, checkpoint: Path, config: Config
) -> ContactSheet:
    """The contact sheet and the player of a pair; arguments and errors as of `measurements_of`."""
    clip = footage_of(pair, config)
    key = _key("sheet", *_render_inputs(pair, closed_mouth, checkpoint, config))
    return load_or_draw(
        clip,
        fit_length(_other_voice(pair), len(clip)),
        closed_mouth,
        _engine(checkpoint, config.device, precision=config.precision),
        config.folder / "players" / f"{key}.mp4",
    )


def _render_inputs(
    pair: Pair, closed_mouth: np.ndarray, checkpoint: Path, config: Config
) -> list[object]:
    """Everything that decides the frames that are rendered for a pair."""
    clips = [content_hash(pair.face), content_hash(pair.other), pair.offset]
    model = [_checkpoint_hash(checkpoint), config.seed, config.precision]
    return [*clips, config.frames, closed_mouth.tolist(), *model]


def _load_or_measure(key: str, config: Config, measure: Callable[[], Measurements]) -> Measurements:
    target = config.folder / "scores" / f"{key}.npz"
    if not target.exists():
        with replacing(target) as unfinished, unfinished.open("wb") as opened:
            np.savez(opened, allow_pickle=False, **measure())
    with np.load(target) as arrays:
        return dict(arrays)


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


def _key(*parts: object) -> str:
    return hashlib.sha256(json.dumps([VERSION, *parts]).encode()).hexdigest()[:32]
