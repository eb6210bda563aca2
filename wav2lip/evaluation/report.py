"""An evaluation as a page: one file of HTML, with the players and the reel next to it."""

from collections.abc import Iterator
from html import escape
from pathlib import Path

from wav2lip.evaluation.bootstrap import Estimate
from wav2lip.evaluation.conditions import CONDITIONS
from wav2lip.evaluation.evaluate import Evaluation
from wav2lip.evaluation.metrics import HEARD, RECONSTRUCTED, RENDERED, Metric
from wav2lip.evaluation.sheets import ContactSheet
from wav2lip.evaluation.table import estimates

REEL = "reel.mp4"  # beside the report, see `reel`

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .7rem; text-align: right; border-bottom: 1px solid #8884; }
th:first-child { text-align: left; }
thead th { vertical-align: bottom; }
small { display: block; opacity: .75; white-space: nowrap; }
figure { margin: 1.5rem 0; }
figure img { display: block; max-width: 100%; }
figure video { max-width: 100%; }
.significant { font-weight: bold; }
"""

_HOW_TO_READ = """
<p>Each value is the mean over persons; below it is its 95&nbsp;% bootstrap interval, for which
persons and their clips are resampled. Every column is compared with the clip's own speaker, also
the columns of another voice: what counts is how much better a value is with the own voice than with
another one. <em>Video</em> columns start from the real frames, whose mouths can leak into the
result; <em>still</em> columns start from one frame with a closed mouth, and cannot.</p>
"""


def write(path: Path, mine: Evaluation, against: Evaluation | None = None) -> None:
    """Write the report to `path`, with the differences to `against`, another checkpoint, if given.

    Players and the reel are linked relative to its folder.
    """
    path.write_text("\n".join(_page(path.parent, mine, against)), encoding="utf-8")


def _page(folder: Path, mine: Evaluation, against: Evaluation | None) -> Iterator[str]:
    title = f"Evaluation of {escape(mine.checkpoint)}"
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{title}</title><style>{_STYLE}</style></head><body><h1>{title}</h1>"
    clips = sum(mine.persons.values())
    yield f"<p>{clips} clips of {len(mine.persons)} persons, at 25 frames a second."
    yield f"{_judges(mine)}</p>"
    yield _HOW_TO_READ
    yield f"<h2>Animation</h2>{_table(mine, HEARD)}"
    yield f"<h2>Reconstruction</h2>{_table(mine, RECONSTRUCTED)}"
    if against is not None:
        yield f"<h2>More than {escape(against.checkpoint)}</h2>"
        yield "<p>Differences on the same clips; those whose interval leaves out 0 are bold.</p>"
        yield _table(mine, (*RENDERED, "video_given", "redrawn"), against)
    yield f"<h2>Person by person</h2>{_by_person(mine)}"
    yield "<h2>Examples</h2><p>Six frames of each clip, the real mouth from closed to widest open."
    yield "Everything but the real video is synthetic.</p>"
    if mine.sheets:
        yield "<p>The reel: all persons, with labels, checkpoints side by side.</p>"
        yield f"<video controls preload=metadata src='{REEL}'></video>"
    for person, sheet in mine.sheets.items():
        yield _figure(person, sheet, folder)
    if mine.left_out:
        yield "<h2>Left out</h2><ul>"
        yield from (f"<li>{escape(f'{clip}: {why}')}</li>" for clip, why in mine.left_out.items())
        yield "</ul>"
    yield "</body></html>"


def _judges(mine: Evaluation) -> str:
    if not mine.experts:
        return "Without a sync expert there are no LSE-D and LSE-C."
    return f"Sync experts: {escape(', '.join(mine.experts))}."


def _table(mine: Evaluation, columns: tuple[str, ...], against: Evaluation | None = None) -> str:
    rows = []
    for metric in mine.metrics:
        found = dict(_estimates(mine, metric, against))
        if found.keys() & set(columns):
            cells = [_cell(found.get(each), metric, against is not None) for each in columns]
            rows.append(f"<tr><th scope=row>{escape(metric.title)}</th>{''.join(cells)}</tr>")
    return _framed([CONDITIONS[condition] for condition in columns], rows)


def _estimates(
    mine: Evaluation, metric: Metric, against: Evaluation | None
) -> Iterator[tuple[str, Estimate]]:
    if against is None:
        yield from estimates(mine, metric)
        return
    for condition in metric.conditions:
        gain = mine.gain(against, metric, condition)
        if gain is not None:
            yield condition, gain


def _cell(estimate: Estimate | None, metric: Metric, bold_if_significant: bool) -> str:
    if estimate is None or estimate.mean != estimate.mean:
        return "<td></td>"
    mean = f"{estimate.mean:.{metric.decimals}f}"
    if estimate.low is None or estimate.high is None:
        return f"<td>{mean}</td>"
    significant = bold_if_significant and (estimate.low > 0 or estimate.high < 0)
    style = " class=significant" if significant else ""
    low, high = (f"{end:.{metric.decimals}f}" for end in (estimate.low, estimate.high))
    return f"<td><span{style}>{mean}</span><small>{low} to {high}</small></td>"


def _by_person(mine: Evaluation) -> str:
    metric = mine.metrics[0]
    found = dict(estimates(mine, metric))
    columns = [condition for condition in found if condition != "real"]
    rows = []
    for person, clips in mine.persons.items():
        values = [found[condition].persons.get(person) for condition in columns]
        shown = "".join(f"<td>{'' if v is None else f'{v:.2f}'}</td>" for v in values)
        rows.append(f"<tr><th scope=row>{escape(person)}</th><td>{clips}</td>{shown}</tr>")
    heads = ["clips", *(f"{metric.title}: {CONDITIONS[condition]}" for condition in columns)]
    return _framed(heads, rows)


def _framed(heads: list[str], rows: list[str]) -> str:
    head = "".join(f"<th scope=col>{escape(text)}</th>" for text in heads)
    body = "".join(rows)
    return (
        f"<div class=wide><table><thead><tr><th></th>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def _figure(person: str, sheet: ContactSheet, folder: Path) -> str:
    times = ", ".join(f"{second:.2f}" for second in sheet.seconds)
    rows = ""
    for condition, jpeg in sheet.rows.items():
        title = escape(CONDITIONS[condition])
        image = f"<img alt='{title}: six frames' src='data:image/jpeg;base64,{jpeg}'>"
        rows += f"<div>{title}{image}</div>"
    player = escape(sheet.player.relative_to(folder).as_posix())
    return (
        f"<figure><figcaption><h3>{escape(person)}</h3>At {times} s; in the player, from left "
        f"to right: real video, still, video, each with the true voice.</figcaption>"
        f"<video controls preload=metadata src='{player}'></video>{rows}</figure>"
    )
