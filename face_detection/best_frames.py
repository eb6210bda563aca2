"""Which sightings of a track to embed, and where a track changes from one face to another."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from face_detection.detection import iou
from face_detection.tracks import Track

# Samples per track: one a second, within these bounds. An embedding costs as much as a detection.
MIN_SAMPLES, MAX_SAMPLES = 3, 8
# Neighbouring frames are much alike: samples closer together add nothing.
MIN_SPACING_SECONDS = 0.2
# A face that moves a tenth of its height from frame to frame is blurred to half its quality.
BLURRING_SPEED = 0.1
# Two samples of one track whose embeddings are farther apart may show two persons: the track is
# split, and clustering joins the parts again where all else agrees.
SPLIT_DISTANCE = 0.5


def best_sightings(track: Track, fps: Fraction) -> list[int]:
    """The sightings of `track` that show the face best: large, sharp, and spread in time.

    Rising indices into its detections, MIN_SAMPLES to MAX_SAMPLES of them, fewer in a short track,
    split least one.
    """
    seen = len(track.frames)
    spacing = max(int(MIN_SPACING_SECONDS * fps), 1)
    count = min(max(round(seen / fps), MIN_SAMPLES), MAX_SAMPLES, -(-seen // spacing))
    quality = _quality(track)
    return [int(part[np.argmax(quality[part])]) for part in np.array_split(np.arange(seen), count)]


def split_by_face(
    track: Track, samples: Sequence[int], embeddings: np.ndarray
) -> list[tuple[Track, np.ndarray]]:
    """The parts of `track` that show one face each, with their embeddings (k, 128).

    `samples` (n,) are the sightings that the `embeddings` (n, 128) are of. Between two samples that
    differ the track is split where the IoU of neighbouring boxes is least.
    """
    if len(samples) < 2:
        return [(track, embeddings)]
    gaps = [
        float(np.linalg.norm(embeddings[:k].mean(axis=0) - embeddings[k:].mean(axis=0)))
        for k in range(1, len(samples))
    ]
    k = int(np.argmax(gaps)) + 1
    if gaps[k - 1] < SPLIT_DISTANCE:
        return [(track, embeddings)]
    overlaps = [
        iou(track.detections[n - 1].box, track.detections[n].box)
        for n in range(samples[k - 1] + 1, samples[k] + 1)
    ]
    split = samples[k - 1] + 1 + int(np.argmin(overlaps))
    before = Track(track.frames[:split], track.detections[:split])
    after = Track(track.frames[split:], track.detections[split:])
    return split_by_face(before, samples[:k], embeddings[:k]) + split_by_face(
        after, [n - split for n in samples[k:]], embeddings[k:]
    )


def _quality(track: Track) -> np.ndarray:
    """How well each sighting shows the face, (n,): size times score, less for motion blur."""
    boxes = np.array([detection.box for detection in track.detections])
    scores = np.array([detection.score for detection in track.detections])
    widths, heights = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    steps = np.linalg.norm(np.diff(centres, axis=0), axis=1) / np.diff(track.frames)
    speed = np.maximum(np.append(steps, 0), np.append(0, steps)) / np.maximum(heights, 1)
    # A head that turns away gets narrower.
    return np.sqrt(widths * heights) * scores / (1 + speed / BLURRING_SPEED)
