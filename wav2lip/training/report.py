"""The report of a training: a page of curves, samples and configuration, one file."""

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from media.atomic import replacing

REFRESH = 20  # seconds
WIDTH, HEIGHT = 380, 160
POINTS = 240  # of a curve at most; more are averaged
_STYLE = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem }
figure { display: inline-block; margin: 0 1.5rem 1.5rem 0 }
figcaption { font-weight: 600 }
svg { overflow: visible; font-size: 11px; fill: currentColor }
polyline { fill: none; stroke: #4a7ebb; stroke-width: 1.5 }
line { stroke: currentColor; opacity: .25 }
td { padding-right: 1.5rem; vertical-align: top }
img { max-width: 100%; image-rendering: auto }
"""


@dataclass(frozen=True)
class Strip:
    """A row of pictures under a caption: RGB uint8 (h, w, 3) of one height h."""

    caption: str
    pictures: Sequence[np.ndarray]


@dataclass(frozen=True)
class Section:
    """One stage of a training on the report: `curves` are lists of (step, value) by name."""

    name: str
    words: str
    config: Mapping[str, Any]
    curves: Mapping[str, Sequence[tuple[int, float]]]
    strips: Sequence[Strip]

    def html(self) -> str:
        rows = "".join(
            f"<tr><td>{html.escape(str(key))}</td><td>{html.escape(str(value))}</td></tr>"
            for key, value in self.config.items()
        )
        return (
            f"<section><h2>{html.escape(self.name)}</h2><p>{html.escape(self.words)}</p>"
            + "".join(_curve(name, points) for name, points in self.curves.items() if points)
            + "".join(_strip(strip) for strip in self.strips)
            + f"<details><summary>Configuration</summary><table>{rows}</table></details>"
            "</section>"
        )


class Report:
    """The page of a training, a section a stage; it reloads itself until the last has ended."""

    def __init__(self, path: Path, title: str, last: str | None = None) -> None:
        """`path` is the file of the page; `last` names the last of several stages."""
        self.path, self.title, self.last = path, title, last
        self._sections: dict[str, str] = {}

    def show(self, stage: str, section: str, over: bool) -> None:
        """Write the page with the new `section` (HTML) of a stage, which has ended where `over`.

        At every moment `path` is a whole page.
        """
        self._sections[stage] = section
        ended = over and self.last in (None, stage)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(self.path) as unfinished:
            unfinished.write_text(self._page(ended), encoding="utf-8")

    def _page(self, ended: bool) -> str:
        refresh = "" if ended else f'<meta http-equiv="refresh" content="{REFRESH}">'
        title = html.escape(self.title)
        # What is going on now is what one comes to see.
        sections = "".join(reversed(self._sections.values()))
        return (
            f'<!doctype html><html lang="en"><meta charset="utf-8">{refresh}'
            f"<title>{title}</title><style>{_STYLE}</style><h1>{title}</h1>{sections}</html>\n"
        )


def _curve(name: str, points: Sequence[tuple[int, float]]) -> str:
    drawn = np.array(points, float)
    parts = np.array_split(drawn, min(POINTS, len(drawn)))
    step, value = np.array([part.mean(0) for part in parts]).T
    low, high = float(value.min()), float(value.max())
    first, last = float(step[0]), float(step[-1])
    across = (step - first) / max(last - first, 1) * WIDTH
    down = HEIGHT - (value - low) / max(high - low, 1e-12) * HEIGHT
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, down, strict=True))
    return (
        f"<figure><figcaption>{html.escape(name)}: {drawn[-1, 1]:.4f}</figcaption>"
        f'<svg width="{WIDTH + 60}" height="{HEIGHT + 20}" role="img">'
        f'<line x2="{WIDTH}"/><line y1="{HEIGHT}" y2="{HEIGHT}" x2="{WIDTH}"/>'
        f'<polyline points="{line}"/>'
        f'<text x="{WIDTH + 6}" y="8">{high:.4g}</text>'
        f'<text x="{WIDTH + 6}" y="{HEIGHT}">{low:.4g}</text>'
        f'<text y="{HEIGHT + 16}">{first:.0f}</text>'
        f'<text x="{WIDTH}" y="{HEIGHT + 16}" text-anchor="end">{last:.0f}</text></svg></figure>'
    )


def _strip(strip: Strip) -> str:
    row = np.ascontiguousarray(np.concatenate(strip.pictures, axis=1)[:, :, ::-1])
    _, encoded = cv2.imencode(".jpg", row, [cv2.IMWRITE_JPEG_QUALITY, 90])
    picture = base64.b64encode(encoded.tobytes()).decode()
    caption = html.escape(strip.caption)
    return (
        f"<figure><figcaption>{caption}</figcaption>"
        f'<img alt="{caption}" src="data:image/jpeg;base64,{picture}"></figure>'
    )
