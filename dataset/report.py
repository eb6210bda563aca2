"""The report of a step: on the terminal, as JSON, and as a page."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from dataset.worklist import Done, Outcome
from media.atomic import replacing

_STYLE = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 }
td, th { padding: .2rem .8rem .2rem 0; text-align: left; vertical-align: top }
td.number { text-align: right; font-variant-numeric: tabular-nums }
svg text { font-size: 11px; fill: currentColor } svg rect { fill: #4a7ebb }
img { height: 72px; margin-right: 4px }
"""
_CHART_WIDTH, _CHART_HEIGHT = 480, 120


@dataclass(frozen=True)
class Report:
    """The outcomes of a step and how they are shown; `write` puts it into the output folder.

    `histograms` are names of numeric facts, `pictures` rows of images (paths relative to `folder`)
    by caption, `notes` sentences.
    """

    command: str
    folder: Path
    settings: Mapping[str, Any]
    done: Done
    histograms: Sequence[str] = ()
    notes: Sequence[str] = ()
    pictures: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def kept(self) -> list[Outcome]:
        """The outcomes that were not dropped."""
        return [each for each in self.done.outcomes if not each.reason]

    @property
    def reasons(self) -> list[tuple[str, int]]:
        """Why clips were dropped, the most frequent reason first, without times and numbers."""
        dropped = (each.reason for each in self.done.outcomes if each.reason)
        return Counter(reason.split(":")[0] for reason in dropped).most_common()

    @property
    def seconds(self) -> float:
        """The total duration of the clips that were kept."""
        return sum(each.facts.get("seconds", 0.0) for each in self.kept)

    def write(self) -> Report:
        """Write report.json and report.html into the folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, text in (("report.json", self._json()), ("report.html", self._html())):
            with replacing(self.folder / name) as unfinished:
                unfinished.write_text(text, encoding="utf-8")
        return self

    def summary(self) -> str:
        """The report for a terminal, in a few lines."""
        total, kept = len(self.done.outcomes), len(self.kept)
        length = f" ({self.seconds / 60:.1f} min)" if self.seconds else ""
        lines = [f"{self.command}: {total} in, {kept} kept{length}, {total - kept} dropped"]
        lines += [f"  {count:6d}  {reason}" for reason, count in self.reasons]
        lines += [f"  {note}" for note in self.notes]
        if not self.done.fresh:
            lines.append("  nothing to do: all of it was done before")
        return "\n".join([*lines, f"  {self.folder / 'report.html'}"])

    def _json(self) -> str:
        total, kept = len(self.done.outcomes), len(self.kept)
        content = {
            "command": self.command,
            "settings": self.settings,
            "in": total,
            "out": kept,
            "dropped": total - kept,
            "seconds": round(self.seconds, 3),
            "reasons": dict(self.reasons),
            "notes": list(self.notes),
            "clips": [
                {"name": each.name, "made": each.made, "reason": each.reason, **each.facts}
                for each in self.done.outcomes
            ],
        }
        return json.dumps(content, indent=1, ensure_ascii=False) + "\n"

    def _html(self) -> str:
        summary = self.summary().splitlines()[:-1]
        body = [f"<h1>{escape(summary[0])}</h1>"]
        if self.notes:
            body.append("".join(f"<p>{escape(note)}</p>" for note in self.notes))
        settings = [[escape(name), escape(str(value))] for name, value in self.settings.items()]
        body.append(_table(["setting", "value"], settings))
        if self.reasons:
            body.append(_table(["dropped", ""], [[str(n), escape(r)] for r, n in self.reasons]))
        for name in self.histograms:
            values = [e.facts[name] for e in self.done.outcomes if e.facts.get(name) is not None]
            if values:
                body.append(f"<h2>{escape(name)}</h2>{_histogram(values)}")
        for caption, paths in self.pictures.items():
            row = "".join(f'<img loading="lazy" src="{quote(path)}" alt="">' for path in paths)
            body.append(f"<h2>{escape(caption)}</h2><p>{row}</p>")
        body.append(self._clips())
        title = escape(self.command)
        head = f'<meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        content = "\n".join(body)
        return f'<!doctype html>\n<html lang="en">{head}\n{content}\n</html>\n'

    def _clips(self) -> str:
        names = sorted({name for each in self.done.outcomes for name in each.facts})
        rows = []
        for each in self.done.outcomes:
            links = [f'<a href="{quote(path)}">{escape(path)}</a>' for path in each.made]
            known = [escape(_shown(each.facts.get(name))) for name in names]
            rows.append([escape(each.name), "<br>".join(links) or escape(each.reason), *known])
        return "<h2>All</h2>" + _table(["clip", "made, or why not", *names], rows)


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    return "" if value is None else str(value)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>\n" for row in rows)
    return f"<table><tr>{head}</tr>\n{body}</table>"


def _histogram(values: Sequence[float]) -> str:
    """An SVG of bars: one for each value if these are few integers, else twenty."""
    whole = all(float(value).is_integer() for value in values)
    if whole and max(values) - min(values) < 64:
        edges = np.arange(min(values), max(values) + 2) - 0.5
        labels = [f"{round(edge + 0.5)}" for edge in edges[:-1]]
    else:
        edges = np.histogram_bin_edges(values, 20)
        labels = [f"{edge:.2g}" for edge in edges[:-1]]
    counts, _ = np.histogram(values, edges)
    step = _CHART_WIDTH / len(counts)
    bars = []
    for place, (count, label) in enumerate(zip(counts.tolist(), labels, strict=True)):
        height = _CHART_HEIGHT * count / max(counts.max(), 1)
        x, y = place * step, _CHART_HEIGHT - height
        bars.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(step - 1, 0.5):.1f}" height="{height:.1f}">'
            f"<title>{label}: {count}</title></rect>"
        )
        if place % max(1, len(counts) // 10) == 0:
            bars.append(f'<text x="{x:.1f}" y="{_CHART_HEIGHT + 14}">{label}</text>')
    size = f'width="{_CHART_WIDTH}" height="{_CHART_HEIGHT + 20}"'
    return f'<svg role="img" aria-label="histogram" {size}>{"".join(bars)}</svg>'
