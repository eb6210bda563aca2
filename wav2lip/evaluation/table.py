"""An evaluation as plain values, and as a table for a terminal."""

from collections.abc import Iterator
from typing import Any

from wav2lip.evaluation.bootstrap import Estimate
from wav2lip.evaluation.conditions import TAKES
from wav2lip.evaluation.evaluate import Evaluation
from wav2lip.evaluation.metrics import JUDGED, PICTURES, Figure

SHORT = {
    "real": "real",
    "still": "still, own",
    "still_other": "other",
    "still_shapes": "shapes",
    "video": "video, own",
    "video_other": "other",
    "video_given": "as given",
    "copied": "copied",
    "redrawn": "redrawn",
}
_TITLE, _CELL = 36, 14


def as_values(mine: Evaluation, against: Evaluation | None = None) -> dict[str, Any]:
    """Everything that was measured, as JSON holds it: figures by key, takes, estimates."""
    values: dict[str, Any] = {
        "checkpoint": mine.checkpoint,
        "against": against and against.checkpoint,
        "experts": mine.experts,
        "takes": TAKES,
        "persons": mine.persons,
        "left_out": mine.left_out,
        "figures": {},
    }
    for figure in mine.table:
        row: dict[str, Any] = {"title": figure.title, "takes": {}}
        for take, estimate in cells(mine, figure):
            row["takes"][take] = estimate.to_dict()
            if against is not None:
                theirs, gain = against.estimate(figure, take), mine.gain(against, figure, take)
                row["takes"][take]["against"] = theirs and theirs.to_dict()
                row["takes"][take]["gain"] = gain and gain.to_dict()
        values["figures"][figure.key] = row
    return values


def as_text(mine: Evaluation, against: Evaluation | None = None) -> str:
    """Means, and half of their 95 % intervals; with another checkpoint what is gained on it."""
    lines = []
    for takes in (JUDGED, PICTURES):
        head = "".join(SHORT[take].rjust(_CELL) for take in takes)
        lines += ["", f"{mine.checkpoint:<{_TITLE}.{_TITLE}}{head}"]
        for figure in mine.table:
            if set(figure.takes) & set(takes):
                lines.append(_line(figure.title, takes, dict(cells(mine, figure)), figure))
                if against is not None:
                    gains = {take: mine.gain(against, figure, take) for take in takes}
                    lines.append(_line(f"  more than {against.checkpoint}", takes, gains, figure))
    return "\n".join(lines[1:])


def cells(mine: Evaluation, figure: Figure) -> Iterator[tuple[str, Estimate]]:
    """The takes that have a figure, and what it is."""
    for take in figure.takes:
        estimate = mine.estimate(figure, take)
        if estimate is not None:
            yield take, estimate


def _line(
    title: str, takes: tuple[str, ...], row: dict[str, Estimate | None], figure: Figure
) -> str:
    shown = "".join(_cell(row.get(take), figure.decimals).rjust(_CELL) for take in takes)
    return f"{title:<{_TITLE}.{_TITLE}}{shown}".rstrip()


def _cell(estimate: Estimate | None, decimals: int) -> str:
    if estimate is None or estimate.mean != estimate.mean:
        return ""
    if estimate.low is None or estimate.high is None:
        return f"{estimate.mean:.{decimals}f}"
    half = (estimate.high - estimate.low) / 2
    return f"{estimate.mean:.{decimals}f} ±{half:.{decimals}f}"
