"""Which tracks are one person: by how they move, where they were, and whose face they show."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from fractions import Fraction
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from face_detection.best_frames import changed_at, looks_at
from face_detection.detection import iou
from face_detection.tracks import Track, touching

if TYPE_CHECKING:
    from face_detection.identity import Identity, Look

# A face that turns up where a person was last seen is that person.
SAME_PLACE_IOU = 0.3
# How long a face may be hidden by another and still come out where its motion would bring it.
HIDDEN_SECONDS = 1.0
HIDDEN_IOU = 0.2
# Speed before and after a face is hidden, over more sightings than it takes to follow it: the last
# ones are already half covered.
HIDDEN_SIGHTINGS = 10
# Embeddings of one person differ by less. Measured on 180 clips of 100 persons, averages of two to
# four looks each: 95 % of the pairs of one person are below 0.44, 99 % of those of two above 0.55.
SAME_FACE_DISTANCE = 0.46
# What one motion, and one place, are worth in distance: the first decides between twins who cross,
# the second only where nothing else does.
MOTION_WORTH = 0.15
PLACE_WORTH = 0.05


def group(
    tracks: Sequence[Track], cuts: Sequence[int], fps: Fraction, identity: Identity | None
) -> list[list[Track]]:
    """The tracks, or pieces of them, that belong to each person, in order of time.

    Without `identity` motion and place decide, and nobody is known again after a cut.
    """
    if not tracks:
        return []
    if identity is None:
        whole = _continued(tracks, cuts, fps)
        shots = groupby(whole, key=lambda track: _shot(track.start, cuts))
        return [person for _, shot in shots for person in by_place(list(shot))]
    return by_identity(tracks, cuts, fps, identity)


def by_place(tracks: Sequence[Track]) -> list[list[Track]]:
    """Joins a track to the one that ended where it starts, if no other person was seen there."""
    persons: list[list[Track]] = []
    for track in sorted(tracks, key=lambda track: track.start):
        here = [person for person in persons if _was_last_at(person, track)]
        if len(here) == 1 and here[0][-1].end < track.start:
            here[0].append(track)
        else:
            persons.append([track])
    return persons


def by_motion(
    tracks: Sequence[Track], cuts: Sequence[int], fps: Fraction
) -> dict[int, tuple[int, float]]:
    """Which track goes on as which: before -> after and the IoU of both where they are expected.

    Each goes on as one other at most, the surest first, within a second and a shot. `tracks` are
    in order of their first frame.
    """
    pairs = []
    starts = [track.start for track in tracks]
    reach = int(HIDDEN_SECONDS * fps)
    for i, before in enumerate(tracks):
        soon = range(bisect_right(starts, before.end), bisect_right(starts, before.end + reach))
        pairs += [
            (_carried_on(before, tracks[j]), i, j)
            for j in soon
            if _shot(before.end, cuts) == _shot(tracks[j].start, cuts)
        ]
    links: dict[int, tuple[int, float]] = {}
    reached: set[int] = set()
    for likeness, i, j in sorted(pairs, reverse=True):
        if likeness >= HIDDEN_IOU and i not in links and j not in reached:
            links[i] = j, likeness
            reached.add(j)
    return links


def by_identity(
    tracks: Sequence[Track], cuts: Sequence[int], fps: Fraction, identity: Identity
) -> list[list[Track]]:
    """Joins the tracks whose faces are alike, never two that were in sight at once.

    Motion weighs in where one track goes on as another, so that those who cross are told apart
    even if they are twins. A track that changes its face, as in a dissolve, is cut in two.
    """
    tracks, embeddings, weights = _known(tracks, fps, identity)
    distance = _distances(embeddings)
    starts = np.array([track.start for track in tracks])
    ends = np.array([track.end for track in tracks])
    at_once = (starts[:, None] <= ends) & (starts <= ends[:, None])
    distance[at_once] = np.inf
    worth = PLACE_WORTH * _same_place(tracks)
    for i, (j, likeness) in by_motion(tracks, cuts, fps).items():
        worth[i, j] = worth[j, i] = MOTION_WORTH * likeness
    clusters = average_link(distance, worth, weights, SAME_FACE_DISTANCE)
    return [sorted((tracks[i] for i in c), key=lambda track: track.start) for c in clusters]


def average_link(
    distance: np.ndarray, worth: np.ndarray, weights: np.ndarray, most: float
) -> list[list[int]]:
    """Clusters by joining the nearest two, again and again, until those are `most` apart.

    `distance` (n, n) between clusters is averaged by `weights` (n,), and infinite for any two that
    hold a pair at infinity. `worth` (n, n) is taken off it, that of the best pair counts.
    """
    clusters = [[i] for i in range(len(distance))]
    distance, worth, weights = distance.copy(), worth.copy(), weights.astype(float)
    np.fill_diagonal(distance, np.inf)
    cost = distance - worth
    while len(cost):
        i, j = np.unravel_index(np.argmin(cost), cost.shape)
        if cost[i, j] > most:
            break
        share = weights[j] / (weights[i] + weights[j])
        distance[i] = distance[:, i] = (1 - share) * distance[i] + share * distance[j]
        worth[i] = worth[:, i] = np.maximum(worth[i], worth[j])
        cost[i] = cost[:, i] = distance[i] - worth[i]
        cost[i, i] = cost[j] = cost[:, j] = distance[j] = distance[:, j] = np.inf
        weights[i] += weights[j]
        clusters[i] += clusters[j]
        clusters[j] = []
    return [cluster for cluster in clusters if cluster]


def _known(
    tracks: Sequence[Track], fps: Fraction, identity: Identity
) -> tuple[list[Track], np.ndarray, np.ndarray]:
    """Tracks of one face each, their mean embeddings (n, 128), and of how many looks those are."""
    chosen = [looks_at(track, fps) for track in tracks]
    looks: list[tuple[Look, int, int]] = sorted(
        ((track.frames[n], seen.box, seen.roll), i, k)
        for i, track in enumerate(tracks)
        for k, n in enumerate(chosen[i])
        for seen in [track.detections[n]]
    )
    embeddings = identity([look for look, _, _ in looks])
    of_track = [np.empty((len(picked), embeddings.shape[1]), np.float32) for picked in chosen]
    for embedding, (_, i, k) in zip(embeddings, looks, strict=True):
        of_track[i][k] = embedding
    parts = [
        part
        for track, picked, faces in zip(tracks, chosen, of_track, strict=True)
        for part in changed_at(track, picked, faces)
    ]
    parts.sort(key=lambda part: part[0].start)
    means = np.array([faces.mean(axis=0) for _, faces in parts])
    return [track for track, _ in parts], means, np.array([len(faces) for _, faces in parts])


def _distances(embeddings: np.ndarray) -> np.ndarray:
    squares = (embeddings.astype(float) ** 2).sum(axis=1)
    apart = squares[:, None] + squares - 2 * embeddings.astype(float) @ embeddings.T
    return np.sqrt(np.maximum(apart, 0))


def _same_place(tracks: Sequence[Track]) -> np.ndarray:
    """The IoU of where each of the tracks in order ended and where each later one began, (n, n)."""
    ended = np.array([track.detections[-1].box for track in tracks])
    begun = np.array([track.detections[0].box for track in tracks])
    corner = np.maximum(ended[:, None, :2], begun[:, :2])
    sides = np.maximum(np.minimum(ended[:, None, 2:], begun[:, 2:]) - corner, 0)
    shared = sides.prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (ended, begun)]
    later = np.triu(shared / (areas[0][:, None] + areas[1] - shared), 1)
    return later + later.T


def _continued(tracks: Sequence[Track], cuts: Sequence[int], fps: Fraction) -> list[Track]:
    """The tracks, joined to one where a face goes on in spite of another that hid it."""
    follower = {
        i: j
        for i, (j, _) in by_motion(tracks, cuts, fps).items()
        if any(_beside(other, tracks[i]) for other in tracks if other is not tracks[j])
    }
    whole = []
    for i in sorted(set(range(len(tracks))) - set(follower.values())):
        chain = [i]
        while chain[-1] in follower:
            chain.append(follower[chain[-1]])
        frames = [frame for n in chain for frame in tracks[n].frames]
        whole.append(Track(frames, [seen for n in chain for seen in tracks[n].detections]))
    return whole


def _carried_on(before: Track, after: Track) -> float:
    forward = before.expected(after.start, HIDDEN_SIGHTINGS)
    back = after.expected(before.end, HIDDEN_SIGHTINGS)
    there = iou(forward, after.detections[0].box) + iou(back, before.detections[-1].box)
    return there / 2


def _beside(other: Track, track: Track) -> bool:
    """Whether `other` touches `track` where that ends, or begins there."""
    after = track.end + 1
    if other is track or not other.start <= after <= other.end:
        return False
    there = other.detections[bisect_left(other.frames, after)]
    return touching(there.box, track.detections[-1].box)


def _shot(frame: int, cuts: Sequence[int]) -> int:
    return bisect_right(cuts, frame)


def _was_last_at(person: Sequence[Track], track: Track) -> bool:
    before = [t for t in person if t.start < track.start]
    if not before:
        return False
    last = before[-1]
    seen = last.detections[int(np.searchsorted(last.frames, track.start)) - 1]
    return iou(seen.box, track.detections[0].box) >= SAME_PLACE_IOU
