"""Where to look at a track to see whose face it shows, and where it changes its face."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from face_detection.detection import iou
from face_detection.tracks import Track

# A look costs as much as finding the face in a frame: one for each second, within these bounds.
LEAST_LOOKS, MOST_LOOKS = 3, 8
# Neighbouring frames are much alike; a look at each of them says nothing new.
LEAST_APART_SECONDS = 0.2
# A face that moves a tenth of its height from frame to frame is blurred to half its worth.
BLURRING_SPEED = 0.1
# Two looks at one track that differ by more may show two persons: they are told apart first and
# joined again if all else says so.
CHANGED_DISTANCE = 0.5


def looks_at(track: Track, fps: Fraction) -> list[int]:
    """Which sightings of `track` show the face best: large, clear, still, and spread in time.

    Indices into its detections, at least one, rising.
    """
    seen = len(track.frames)
    apart = max(int(LEAST_APART_SECONDS * fps), 1)
    count = min(max(round(seen / fps), LEAST_LOOKS), MOST_LOOKS, -(-seen // apart))
    worth = _worth(track)
    return [int(part[np.argmax(worth[part])]) for part in np.array_split(np.arange(seen), count)]


def changed_at(
    track: Track, looks: Sequence[int], embeddings: np.ndarray
) -> list[tuple[Track, np.ndarray]]:
    """The stretches of `track` that show one face each, with their embeddings (n, 128).

    `looks` are the sightings that the `embeddings` are of. Between two looks that differ the face
    is taken to change where the box jumps most.
    """
    if len(looks) < 2:
        return [(track, embeddings)]
    gaps = [
        float(np.linalg.norm(embeddings[:k].mean(axis=0) - embeddings[k:].mean(axis=0)))
        for k in range(1, len(looks))
    ]
    k = int(np.argmax(gaps)) + 1
    if gaps[k - 1] < CHANGED_DISTANCE:
        return [(track, embeddings)]
    steady = [
        iou(track.detections[n - 1].box, track.detections[n].box)
        for n in range(looks[k - 1] + 1, looks[k] + 1)
    ]
    at = looks[k - 1] + 1 + int(np.argmin(steady))
    before = Track(track.frames[:at], track.detections[:at])
    after = Track(track.frames[at:], track.detections[at:])
    return changed_at(before, looks[:k], embeddings[:k]) + changed_at(
        after, [n - at for n in looks[k:]], embeddings[k:]
    )


def _worth(track: Track) -> np.ndarray:
    """How well each sighting shows the face: its size times its score, less what motion blurs."""
    boxes = np.array([detection.box for detection in track.detections])
    scores = np.array([detection.score for detection in track.detections])
    widths, heights = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    steps = np.linalg.norm(np.diff(centres, axis=0), axis=1) / np.diff(track.frames)
    speed = np.maximum(np.append(steps, 0), np.append(0, steps)) / np.maximum(heights, 1)
    # A head that turns away gets narrower.
    return np.sqrt(widths * heights) * scores / (1 + speed / BLURRING_SPEED)
