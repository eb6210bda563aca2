"""The layers of a mouth put into their frame, at the frame's own resolution.

Layers are given on a grid of face units. They are smooth, and only a threshold makes edges of them,
so that they are enlarged to the pixels of the frame without a loss.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from wav2lip.compact.layered_mouth import Layers, Mouth

# Edges are this soft, in face units, but never less than so many pixels.
SOFT, SOFT_PIXELS = 0.45, 0.9
# Beyond the corners one sheet goes over into the other this slowly, in face units.
SLOW = 6.0
# Where lips touch there is a dark line so wide; a lip that has come down over its teeth throws a
# shadow on them.
LINE_WIDTH = 0.8
SHADOW, SHADOW_WIDTH = 0.35, 2.2

Window = tuple[int, int, int, int]  # x1, y1, x2, y2 in whole pixels
Plane = NDArray[np.float32]


def composed(frame: np.ndarray, mouth: Mouth, layers: Layers) -> np.ndarray:
    """A copy of `frame` (RGB uint8) with its mouth as in `layers`."""
    out = frame.copy()
    window = _window(frame, mouth, layers, np.ones(layers.x.shape, bool))
    if window is None:
        return out
    x1, y1, x2, y2 = window
    skin = _skin(_View(frame, mouth, layers, window), layers)
    open_ = (layers.below_upper > -2) & (layers.above_lower > -2) & (layers.beyond < 1)
    inner = _window(frame, mouth, layers, open_)
    if inner is not None:
        part = skin[inner[1] - y1 : inner[3] - y1, inner[0] - x1 : inner[2] - x1]
        _add_inside(part, _View(frame, mouth, layers, inner), layers)
    out[y1:y2, x1:x2] = np.rint(skin).clip(0, 255)
    return out


@dataclass(frozen=True)
class _View:
    """A window of a frame, and what layers and frame have to show in it."""

    frame: np.ndarray
    mouth: Mouth
    layers: Layers
    window: Window

    @property
    def soft(self) -> float:
        """How wide an edge is, in face units."""
        return max(SOFT, SOFT_PIXELS * float(np.hypot(*self.mouth.to_face[0, :2])))

    def enlarged(self, *fields: np.ndarray) -> Plane:
        """The fields of the layers at every pixel; the last axis is for several of them."""
        to_grid = self.mouth.to_face.copy()
        to_grid[:, 2] += to_grid[:, :2] @ self.window[:2] - (self.layers.left, self.layers.top)
        x1, y1, x2, y2 = self.window
        large = cv2.warpAffine(
            np.ascontiguousarray(fields[0] if len(fields) == 1 else np.stack(fields, 2)),
            to_grid,
            (x2 - x1, y2 - y1),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return np.asarray(large, np.float32)

    def fetched(self, x: Plane, y: Plane, first: int = 0) -> Plane:
        """The frame's colours, displaced by `x` and `y` in face units, of rows from `first` on."""
        (a, b), (c, d) = np.linalg.inv(self.mouth.to_face[:, :2]).astype(np.float32)
        columns = np.arange(x.shape[1], dtype=np.float32) + self.window[0]
        rows = np.arange(x.shape[0], dtype=np.float32)[:, None] + (self.window[1] + first)
        return cv2.remap(
            self.frame,
            columns + a * x + b * y,
            rows + c * x + d * y,
            cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        ).astype(np.float32)


def _window(frame: np.ndarray, mouth: Mouth, layers: Layers, wanted: np.ndarray) -> Window | None:
    """The pixels of the frame around all wanted points (rows, columns) of the grid."""
    rows, columns = np.flatnonzero(wanted.any(1)), np.flatnonzero(wanted.any(0))
    if not len(rows):
        return None
    corners = np.array([(x, y) for x in columns[[0, -1]] for y in rows[[0, -1]]], np.float64)
    back = cv2.invertAffineTransform(mouth.to_face)
    corners = (corners + np.array([layers.left, layers.top])) @ back[:, :2].T + back[:, 2]
    height, width = frame.shape[:2]
    x1, y1 = np.floor(corners.min(0)).astype(int).clip(0).tolist()
    x2, y2 = (np.ceil(corners.max(0)).astype(int) + 1).tolist()
    window = x1, y1, min(x2, width), min(y2, height)
    return window if window[0] < window[2] and window[1] < window[3] else None


def _skin(view: _View, layers: Layers) -> Plane:
    """Skin and lips: the sheet above the mouth and the one below it."""
    moved = view.enlarged(layers.x, layers.upper_y, layers.lower_y)
    place = view.enlarged(layers.below_upper, layers.above_lower, layers.beyond, layers.touching)
    from_middle, beyond = (place[..., 0] - place[..., 1]) / 2, place[..., 2]
    share = (from_middle / (view.soft + beyond * (SLOW - view.soft)) + 0.5).clip(0, 1)
    # Rows of one sheet alone are fetched from that one only.
    upper_rows, lower_rows = np.any(share < 1, axis=1), np.any(share > 0, axis=1)
    end = len(share) - int(upper_rows[::-1].argmax()) if upper_rows.any() else 0
    begin = int(lower_rows.argmax()) if lower_rows.any() else len(share)
    out = np.empty((*share.shape, 3), np.float32)
    out[:end] = view.fetched(moved[:end, :, 0], moved[:end, :, 1])
    lower = view.fetched(moved[begin:, :, 0], moved[begin:, :, 2], begin)
    both = max(end - begin, 0)
    out[begin:end] += share[begin:end, :, None] * (lower[:both] - out[begin:end])
    out[begin + both :] = lower[both:]
    line = place[..., 3] * (1 - beyond) * np.exp(-((from_middle / LINE_WIDTH) ** 2))
    near = np.flatnonzero(np.max(line, axis=1) > 1e-3)
    if len(near):
        rows = slice(near[0], near[-1] + 1)
        out[rows] *= 1 - line[rows, :, None] * view.mouth.interior.line
    return out


def _add_inside(skin: Plane, view: _View, layers: Layers) -> None:
    """Show in `skin`, which is that of the view, the inside of the mouth."""
    place = view.enlarged(
        layers.below_upper, layers.above_lower, layers.above_edge, layers.below_content
    )
    below_upper, above_lower = place[..., 0], place[..., 1]
    more = view.enlarged(layers.content_y, layers.covered)
    inside = view.enlarged(layers.fill)
    content = view.fetched(np.zeros_like(more[..., 0]), more[..., 0])
    inside += (place[..., 3, None] / view.soft + 0.5).clip(0, 1) * (content - inside)
    x1, y1, x2, y2 = view.window
    teeth = view.frame[y1:y2, x1:x2]
    inside += (place[..., 2, None] / view.soft + 0.5).clip(0, 1) * (teeth - inside)
    shadow = SHADOW * more[..., 1] * np.exp(-below_upper.clip(0) / SHADOW_WIDTH)
    inside *= 1 - shadow[..., None]
    shown = (below_upper / view.soft).clip(0, 1) * (above_lower / view.soft).clip(0, 1)
    skin += shown[..., None] * (inside - skin)
