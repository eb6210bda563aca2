"""An evaluation as a page to look at: one file of HTML, and the players beside it."""

from collections.abc import Iterator
from html import escape
from pathlib import Path

from wav2lip.evaluation.bootstrap import Estimate
from wav2lip.evaluation.conditions import TAKES
from wav2lip.evaluation.evaluate import Evaluation
from wav2lip.evaluation.metrics import JUDGED, MADE, PICTURES, Figure
from wav2lip.evaluation.sheets import Sheet
from wav2lip.evaluation.table import cells

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
.sure { font-weight: bold; }
"""

_HOW_TO_READ = """
<p>Each figure is the mean over persons; below it is its 95&nbsp;% bootstrap interval, for which
persons and their clips were drawn again. Every column is compared with the clip's own speaker, also
the columns of another voice: a figure is worth as much as it is better there than with another
voice. <em>Video</em> columns start from the real frames, whose mouths can leak into the result;
<em>still</em> columns start from one frame with a closed mouth and cannot.</p>
"""


def write(path: Path, mine: Evaluation, against: Evaluation | None = None) -> None:
    """Write the report to `path`; players are linked relative to its folder."""
    path.write_text("\n".join(_page(path.parent, mine, against)), encoding="utf-8")


def _page(folder: Path, mine: Evaluation, against: Evaluation | None) -> Iterator[str]:
    title = f"How well {escape(mine.checkpoint)} speaks"
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{title}</title><style>{_STYLE}</style></head><body><h1>{title}</h1>"
    clips = sum(mine.persons.values())
    yield f"<p>{clips} clips of {len(mine.persons)} persons, at 25 frames a second."
    yield f"{_judges(mine)}</p>"
    yield _HOW_TO_READ
    yield f"<h2>Speaking</h2>{_table(mine, JUDGED)}"
    yield f"<h2>Drawing</h2>{_table(mine, PICTURES)}"
    if against is not None:
        yield f"<h2>More than {escape(against.checkpoint)}</h2>"
        yield "<p>Differences on the same clips; those whose interval leaves out 0 are bold.</p>"
        yield _table(mine, (*MADE, "video_given", "redrawn"), against)
    yield f"<h2>Person by person</h2>{_by_person(mine)}"
    yield "<h2>To look at</h2><p>Six instants, the real mouth from closed to widest open."
    yield "Everything but the real video is synthetic.</p>"
    for person, sheet in mine.sheets.items():
        yield _figure(person, sheet, folder)
    if mine.left_out:
        yield "<h2>Left out</h2><ul>"
        yield from (f"<li>{escape(f'{clip}: {why}')}</li>" for clip, why in mine.left_out.items())
        yield "</ul>"
    yield "</body></html>"


def _judges(mine: Evaluation) -> str:
    if not mine.experts:
        return "No sync expert was asked: LSE-D and LSE-C need one."
    return f"Sync experts: {escape(', '.join(mine.experts))}."


def _table(mine: Evaluation, takes: tuple[str, ...], against: Evaluation | None = None) -> str:
    rows = []
    for figure in mine.table:
        found = dict(_estimates(mine, figure, against))
        if found.keys() & set(takes):
            shown = "".join(_cell(found.get(take), figure, against is not None) for take in takes)
            rows.append(f"<tr><th scope=row>{escape(figure.title)}</th>{shown}</tr>")
    return _framed([TAKES[take] for take in takes], rows)


def _estimates(
    mine: Evaluation, figure: Figure, against: Evaluation | None
) -> Iterator[tuple[str, Estimate]]:
    if against is None:
        yield from cells(mine, figure)
        return
    for take in figure.takes:
        gain = mine.gain(against, figure, take)
        if gain is not None:
            yield take, gain


def _cell(estimate: Estimate | None, figure: Figure, marked: bool) -> str:
    if estimate is None or estimate.mean != estimate.mean:
        return "<td></td>"
    mean = f"{estimate.mean:.{figure.decimals}f}"
    if estimate.low is None or estimate.high is None:
        return f"<td>{mean}</td>"
    sure = " class=sure" if marked and (estimate.low > 0 or estimate.high < 0) else ""
    low, high = (f"{end:.{figure.decimals}f}" for end in (estimate.low, estimate.high))
    return f"<td><span{sure}>{mean}</span><small>{low} to {high}</small></td>"


def _by_person(mine: Evaluation) -> str:
    figure = mine.table[0]
    found = dict(cells(mine, figure))
    takes = [take for take in found if take != "real"]
    rows = []
    for person, clips in mine.persons.items():
        values = [found[take].persons.get(person) for take in takes]
        shown = "".join(f"<td>{'' if v is None else f'{v:.2f}'}</td>" for v in values)
        rows.append(f"<tr><th scope=row>{escape(person)}</th><td>{clips}</td>{shown}</tr>")
    heads = ["clips", *(f"{figure.title}: {TAKES[take]}" for take in takes)]
    return _framed(heads, rows)


def _framed(heads: list[str], rows: list[str]) -> str:
    head = "".join(f"<th scope=col>{escape(text)}</th>" for text in heads)
    body = "".join(rows)
    return (
        f"<div class=wide><table><thead><tr><th></th>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def _figure(person: str, sheet: Sheet, folder: Path) -> str:
    instants = ", ".join(f"{second:.2f}" for second in sheet.seconds)
    rows = "".join(
        f"<div>{escape(TAKES[take])}<img alt='{escape(TAKES[take])}: six instants' "
        f"src='data:image/jpeg;base64,{picture}'></div>"
        for take, picture in sheet.rows.items()
    )
    player = escape(sheet.player.relative_to(folder).as_posix())
    return (
        f"<figure><figcaption><h3>{escape(person)}</h3>At {instants} s; in the player, from left "
        f"to right: real video, still, video, each with the true voice.</figcaption>"
        f"<video controls preload=metadata src='{player}'></video>{rows}</figure>"
    )
