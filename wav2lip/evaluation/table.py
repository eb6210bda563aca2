"""An evaluation as JSON values, and as a table for a terminal."""

from collections.abc import Iterator, Mapping
from typing import Any

from wav2lip.evaluation.bootstrap import Estimate
from wav2lip.evaluation.conditions import CONDITIONS
from wav2lip.evaluation.evaluate import Evaluation
from wav2lip.evaluation.metrics import HEARD, RECONSTRUCTED, Metric

# Headings of columns.
SHORT_TITLES = {
    "real": "real",
    "still": "still, own",
    "still_other": "other",
    "still_shapes": "shapes",
    "toothy": "toothy, own",
    "video": "video, own",
    "video_other": "other",
    "video_given": "as given",
    "copied": "copied",
    "redrawn": "redrawn",
}
_TITLE_WIDTH, _CELL_WIDTH = 36, 14


def to_json(mine: Evaluation, against: Evaluation | None = None) -> dict[str, Any]:
    """The values of evaluation.json: `figures` are metrics by key, `takes` conditions by name.

    With the evaluation of another checkpoint each cell has that one's estimate (`against`) and the
    difference to it (`gain`) too. An estimate is what `Estimate.to_dict` returns.
    """
    values: dict[str, Any] = {
        "checkpoint": mine.checkpoint,
        "against": against and against.checkpoint,
        "experts": mine.experts,
        "takes": CONDITIONS,
        "persons": mine.persons,
        "left_out": mine.left_out,
        "figures": {},
    }
    for metric in mine.metrics:
        row: dict[str, Any] = {"title": metric.title, "takes": {}}
        for condition, estimate in estimates(mine, metric):
            cell = row["takes"][condition] = estimate.to_dict()
            if against is not None:
                theirs = against.estimate(metric, condition)
                gain = mine.gain(against, metric, condition)
                cell["against"] = theirs and theirs.to_dict()
                cell["gain"] = gain and gain.to_dict()
        values["figures"][metric.key] = row
    return values


def to_text(mine: Evaluation, against: Evaluation | None = None) -> str:
    """A table of means, each with half of its 95 % interval, in lines of at most 148 characters.

    With the evaluation of another checkpoint a line with the differences follows each line.
    """
    lines = []
    for columns in (HEARD, RECONSTRUCTED):
        head = "".join(SHORT_TITLES[condition].rjust(_CELL_WIDTH) for condition in columns)
        lines += ["", f"{mine.checkpoint:<{_TITLE_WIDTH}.{_TITLE_WIDTH}}{head}"]
        for metric in mine.metrics:
            if set(metric.conditions) & set(columns):
                found = dict(estimates(mine, metric))
                lines.append(_line(metric.title, columns, found, metric))
                if against is not None:
                    gains = {each: mine.gain(against, metric, each) for each in columns}
                    title = f"  more than {against.checkpoint}"
                    lines.append(_line(title, columns, gains, metric))
    return "\n".join(lines[1:])


def estimates(mine: Evaluation, metric: Metric) -> Iterator[tuple[str, Estimate]]:
    """The conditions in which a metric was measured, each with its estimate."""
    for condition in metric.conditions:
        estimate = mine.estimate(metric, condition)
        if estimate is not None:
            yield condition, estimate


def _line(
    title: str, columns: tuple[str, ...], row: Mapping[str, Estimate | None], metric: Metric
) -> str:
    cells = [_cell(row.get(condition), metric.decimals) for condition in columns]
    shown = "".join(cell.rjust(_CELL_WIDTH) for cell in cells)
    return f"{title:<{_TITLE_WIDTH}.{_TITLE_WIDTH}}{shown}".rstrip()


def _cell(estimate: Estimate | None, decimals: int) -> str:
    if estimate is None or estimate.mean != estimate.mean:
        return ""
    if estimate.low is None or estimate.high is None:
        return f"{estimate.mean:.{decimals}f}"
    half = (estimate.high - estimate.low) / 2
    return f"{estimate.mean:.{decimals}f} ±{half:.{decimals}f}"
