"""The options of a job, checked field by field."""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from typing import Any

from media.badge import PLACES, Place
from media.errors import NamedError
from media.timeline import SYNC_MODES, SyncMode


@dataclass(frozen=True)
class Options:
    """The options of a job; boxes and sizes are pixels of the upright frame.

    `resize_factor`, `rotate` and `crop` change the source, in this order, before anything looks at
    it. `pads` (top, bottom, left, right) widen the face box; None leaves that to the engine.
    `box` (x1, y1, x2, y2) is the face in every frame, and nothing is detected. `static` takes the
    face box of the first frame for all frames; `still` takes the first frame itself for all.
    `fps` is the rate of a result made from a picture, or with `still`. `crop` is top, bottom, left,
    right, -1 for the end. `sync_mode` says what is shown when voice and video differ in length, see
    `media.timeline`. `overlay` keeps the source's own sound under the voices, changed by
    `soundtrack_gain` decibels: a soundtrack must not drown a voice, so it is lowered where none is
    asked for. The result of another job keeps its level (`jobs.service`): it is voices itself.
    `badge` is the corner in which a small mark says that the video is made by a machine.
    `level_voices` brings several voices to one loudness before their gains.
    `smile` and `strength` say how the mouth speaks, see `wav2lip.engine.Style`.
    """

    checkpoint: str = "compact"
    overlay: bool = False
    soundtrack_gain: float = -6.0
    level_voices: bool = True
    sync_mode: SyncMode = "bounce"
    pads: tuple[int, int, int, int] | None = None
    box: tuple[float, float, float, float] | None = None
    fps: Fraction | None = None
    resize_factor: int = 1
    crop: tuple[int, int, int, int] = (0, -1, 0, -1)
    rotate: bool = False
    static: bool = False
    still: bool = False
    smooth: bool = True
    blend: bool = True
    badge: Place = "bottom-right"
    smile: float = 0.6
    strength: float = 1.0
    face_det_batch_size: int | None = None
    wav2lip_batch_size: int | None = None

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], checkpoint: str = "compact") -> "Options":
        """Options from JSON values; `checkpoint` is used when `values` names none.

        Raises NamedError `bad-option`, naming the field.
        """
        known = {field.name for field in fields(cls)}
        checked: dict[str, Any] = {"checkpoint": checkpoint}
        for name, value in values.items():
            if name not in known:
                raise _bad(name, "there is no such option")
            if value is None and name in _MAY_BE_NONE:
                checked[name] = None
            else:
                checked[name] = _CHECKS[name](name, value)
        return cls(**checked)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; `from_dict` gives the same options back."""
        values = asdict(self)
        values["fps"] = None if self.fps is None else str(self.fps)
        for name in ("pads", "box", "crop"):
            values[name] = None if values[name] is None else list(values[name])
        return values


def _bad(name: str, why: str) -> NamedError:
    return NamedError(
        "bad-option", f"The option {name!r} cannot be used: {why}.", "Correct it or leave it out."
    )


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _bad(name, "it must be true or false")
    return value


def _whole(low: int, high: int) -> Callable[[str, Any], int]:
    def check(name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise _bad(name, f"it must be a whole number from {low} to {high}")
        return value

    return check


def _four_whole(low: int, high: int) -> Callable[[str, Any], tuple[int, ...]]:
    def check(name: str, value: Any) -> tuple[int, ...]:
        if not isinstance(value, list | tuple) or len(value) != 4:
            raise _bad(name, "it must be four whole numbers")
        return tuple(_whole(low, high)(name, each) for each in value)

    return check


def _box(name: str, value: Any) -> tuple[float, ...]:
    numbers = isinstance(value, list | tuple) and all(
        isinstance(each, int | float) and not isinstance(each, bool) and abs(each) <= LARGEST_SIDE
        for each in value
    )
    if not numbers or len(value) != 4 or value[0] >= value[2] or value[1] >= value[3]:
        raise _bad(name, "it must be x1, y1, x2, y2 in pixels, x1 < x2 and y1 < y2")
    return tuple(float(each) for each in value)


def _decibels(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 60:
        raise _bad(name, "it must be a number of decibels from -60 to 60")
    return float(value)


def _number(low: float, high: float) -> Callable[[str, Any], float]:
    def check(name: str, value: Any) -> float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not low <= value <= high:
            raise _bad(name, f"it must be a number from {low:g} to {high:g}")
        return float(value)

    return check


def _badge(name: str, value: Any) -> str:
    if value not in PLACES:
        raise _bad(name, f"it must be one of {', '.join(PLACES)}")
    return str(value)


def _sync_mode(name: str, value: Any) -> str:
    if value not in SYNC_MODES:
        raise _bad(name, f"it must be one of {', '.join(SYNC_MODES)}")
    return str(value)


def _rate(name: str, value: Any) -> Fraction:
    # No exponents: a Fraction of "1e999999999" would be worked out, for hours.
    if not re.fullmatch(r"\d{1,9}(\.\d{1,20}|/0*[1-9]\d{0,8})?", str(value)):
        raise _bad(name, "it must be a number of frames a second")
    rate = Fraction(str(value)).limit_denominator(1001)
    if not 1 <= rate <= 120:
        raise _bad(name, "it must be from 1 to 120 frames a second")
    return rate


def _checkpoint(name: str, value: Any) -> str:
    # A name, never a path: what a stranger may ask for lies in the folder of checkpoints.
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}", value):
        raise _bad(name, "it must be a name that `mouth checkpoints` lists")
    return value


LARGEST_SIDE = 100_000
_MAY_BE_NONE = {"pads", "box", "fps", "face_det_batch_size", "wav2lip_batch_size"}
_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "checkpoint": _checkpoint,
    "overlay": _flag,
    "soundtrack_gain": _decibels,
    "level_voices": _flag,
    "sync_mode": _sync_mode,
    "pads": _four_whole(-LARGEST_SIDE, LARGEST_SIDE),
    "box": _box,
    "fps": _rate,
    "resize_factor": _whole(1, 32),
    "crop": _four_whole(-1, LARGEST_SIDE),
    "rotate": _flag,
    "static": _flag,
    "still": _flag,
    "smooth": _flag,
    "blend": _flag,
    "badge": _badge,
    "smile": _number(0, 1),
    "strength": _number(0.5, 1.5),
    "face_det_batch_size": _whole(1, 256),
    "wav2lip_batch_size": _whole(1, 1024),
}

_DEFAULTS = Options()
_FOR_PICTURES = (
    "The option smile was not used: it is for pictures. In a video the mouth that speaks replaces "
    "the one that smiles."
)
_UNKNOWN_TO_CHECKPOINT = (
    "The option {option} was not used: the checkpoint {checkpoint} goes by the voice alone."
)
_ONLY_COMPACT = (
    "The option {option} is used only if the checkpoint {checkpoint} is of the architecture "
    "compact."
)


def option_notes(options: Options, kind: str, architecture: str | None) -> list[str]:
    """A sentence for each option that differs from its default and is not used.

    `kind` of the source is image or video; `architecture` is that of the checkpoint, None if it is
    not known.
    """
    names = ("smile", "strength")
    asked = [name for name in names if getattr(options, name) != getattr(_DEFAULTS, name)]
    if architecture == "compact":
        return [_FOR_PICTURES] if "smile" in asked and kind == "video" and not options.still else []
    text = _ONLY_COMPACT if architecture is None else _UNKNOWN_TO_CHECKPOINT
    return [text.format(option=name, checkpoint=options.checkpoint) for name in asked]
