"""Clustering of tracks into persons: by motion, place and face embeddings."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from fractions import Fraction
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

import numpy as np

from face_detection.best_frames import best_sightings, split_by_face
from face_detection.detection import iou
from face_detection.tracks import Track, touching

if TYPE_CHECKING:
    from face_detection.identity import FaceSample, Identity

# A face that turns up where a person was last seen is that person.
SAME_PLACE_IOU = 0.3
# How long a face may be hidden by another and still come out where its motion would bring it.
HIDDEN_SECONDS = 1.0
HIDDEN_IOU = 0.2
# Speed before and after a face is hidden, over more sightings than it takes to follow it: the last
# ones are already half covered.
HIDDEN_SIGHTINGS = 10
# Embeddings of one person are closer. Measured on 180 clips of 100 persons, means of two to four
# samples each: 95 % of the pairs of one person are below 0.44, 99 % of those of two above 0.55.
SAME_FACE_DISTANCE = 0.46
# Where a track that changes its face is split may be wrong by so many frames.
SPLIT_ERROR = 2
# What a common motion, and a common place, take off the distance: the first decides between twins
# who cross, the second only where nothing else does.
MOTION_BONUS = 0.15
PLACE_BONUS = 0.05


def group_tracks(
    tracks: Sequence[Track], cuts: Sequence[int], fps: Fraction, identity: Identity | None
) -> list[list[Track]]:
    """The tracks, or parts of them, of each person, in order of time.

    `cuts` are the first frames of shots. Without `identity` motion and place decide, and nobody is
    recognised after a cut.
    """
    if not tracks:
        return []
    if identity is None:
        whole = _bridge_occlusions(tracks, cuts, fps)
        shots = groupby(whole, key=lambda track: _shot(track.start, cuts))
        return [person for _, shot in shots for person in by_place(list(shot))]
    return by_identity(tracks, cuts, fps, identity)


def by_place(tracks: Sequence[Track]) -> list[list[Track]]:
    """Persons by place: a track continues the person last seen where it starts, if it was only one.

    Two places are the same from an IoU of SAME_PLACE_IOU on.
    """
    persons: list[list[Track]] = []
    for track in sorted(tracks, key=lambda track: track.start):
        here = [person for person in persons if _last_seen_at(person, track)]
        if len(here) == 1 and here[0][-1].end < track.start:
            here[0].append(track)
        else:
            persons.append([track])
    return persons


def by_motion(
    tracks: Sequence[Track], cuts: Sequence[int], fps: Fraction
) -> dict[int, tuple[int, float]]:
    """Links of tracks across an occlusion: index before -> (index after, IoU in 0..1).

    The IoU is the mean of the forward and the backward extrapolation. Links are chosen greedily,
    highest IoU first and of equal ones the shortest, each track once on either side, within
    HIDDEN_SECONDS and one shot. `tracks` are in order of their first frame.
    """
    pairs = []
    starts = [track.start for track in tracks]
    reach = int(HIDDEN_SECONDS * fps)
    for i, before in enumerate(tracks):
        soon = range(bisect_right(starts, before.end), bisect_right(starts, before.end + reach))
        pairs += [
            (_motion_iou(before, tracks[j]), i, j)
            for j in soon
            if _shot(before.end, cuts) == _shot(tracks[j].start, cuts)
        ]
    links: dict[int, tuple[int, float]] = {}
    reached: set[int] = set()
    pairs.sort(key=lambda pair: (-round(pair[0], 1), tracks[pair[2]].start - tracks[pair[1]].end))
    for overlap, i, j in pairs:
        if overlap >= HIDDEN_IOU and i not in links and j not in reached:
            links[i] = j, overlap
            reached.add(j)
    return links


def by_identity(
    tracks: Sequence[Track], cuts: Sequence[int], fps: Fraction, identity: Identity
) -> list[list[Track]]:
    """Persons by the embeddings of their faces, never two tracks that were in sight at once.

    A link by motion or place lowers the distance, so that twins who cross are told apart. A track
    that changes its face, as in a dissolve, is split first.
    """
    tracks, embeddings, weights, split = _embedded(tracks, fps, identity)
    distance = _distances(embeddings)
    starts = np.array([track.start for track in tracks])
    ends = np.array([track.end for track in tracks])
    at_once = (starts[:, None] <= ends) & (starts <= ends[:, None])
    late, early = starts[:, None] - starts, ends[:, None] - ends
    meet = np.minimum(ends[:, None], ends) - np.maximum(starts[:, None], starts) < SPLIT_ERROR
    at_once &= ~((split[:, None] | split) & meet & (late * early > 0))
    distance[at_once] = np.inf
    bonus = PLACE_BONUS * _place_iou(tracks)
    for i, (j, overlap) in by_motion(tracks, cuts, fps).items():
        bonus[i, j] = bonus[j, i] = MOTION_BONUS * overlap
    clusters = average_linkage(distance, bonus, weights, SAME_FACE_DISTANCE)
    return [_in_turn([tracks[i] for i in cluster]) for cluster in clusters]


def _in_turn(tracks: Sequence[Track]) -> list[Track]:
    """The tracks of one person in order of time, each up to where the next begins."""
    tracks = sorted(tracks, key=lambda track: track.start)
    lengths = [bisect_left(a.frames, b.start) for a, b in pairwise(tracks)]
    parts = zip(tracks, [*lengths, None], strict=True)
    return [Track(track.frames[:length], track.detections[:length]) for track, length in parts]


def average_linkage(
    distance: np.ndarray, bonus: np.ndarray, weights: np.ndarray, most: float
) -> list[list[int]]:
    """Agglomerative clustering with average linkage: the indices of each cluster.

    The nearest two clusters are merged until they are farther apart than `most`. `distance` (n, n)
    is averaged by `weights` (n,), so that a pair at infinity is never in one cluster (a cannot-link
    constraint). `bonus` (n, n) is subtracted from it; that of the best pair counts. scipy's linkage
    knows neither weights nor such constraints.
    """
    clusters = [[i] for i in range(len(distance))]
    distance, bonus, weights = distance.copy(), bonus.copy(), weights.astype(float)
    np.fill_diagonal(distance, np.inf)
    cost = distance - bonus
    while len(cost):
        i, j = np.unravel_index(np.argmin(cost), cost.shape)
        if cost[i, j] > most:
            break
        weight = weights[j] / (weights[i] + weights[j])
        distance[i] = distance[:, i] = (1 - weight) * distance[i] + weight * distance[j]
        bonus[i] = bonus[:, i] = np.maximum(bonus[i], bonus[j])
        cost[i] = cost[:, i] = distance[i] - bonus[i]
        cost[i, i] = cost[j] = cost[:, j] = distance[j] = distance[:, j] = np.inf
        weights[i] += weights[j]
        clusters[i] += clusters[j]
        clusters[j] = []
    return [cluster for cluster in clusters if cluster]


def _embedded(
    tracks: Sequence[Track], fps: Fraction, identity: Identity
) -> tuple[list[Track], np.ndarray, np.ndarray, np.ndarray]:
    """Tracks of one face each, their mean embeddings (n, 128), the number of samples (n,), and
    whether they are parts of a track that was split (n,).
    """
    chosen = [best_sightings(track, fps) for track in tracks]
    samples: list[tuple[FaceSample, int, int]] = sorted(
        ((track.frames[n], seen.box, seen.roll), i, k)
        for i, track in enumerate(tracks)
        for k, n in enumerate(chosen[i])
        for seen in [track.detections[n]]
    )
    embeddings = identity([sample for sample, _, _ in samples])
    of_track = [np.empty((len(picked), embeddings.shape[1]), np.float32) for picked in chosen]
    for embedding, (_, i, k) in zip(embeddings, samples, strict=True):
        of_track[i][k] = embedding
    parts = [
        (*part, part[0].frames != track.frames)
        for track, picked, faces in zip(tracks, chosen, of_track, strict=True)
        for part in split_by_face(track, picked, faces)
    ]
    parts.sort(key=lambda part: part[0].start)
    means = np.array([faces.mean(axis=0) for _, faces, _ in parts])
    weights = np.array([len(faces) for _, faces, _ in parts])
    return [track for track, _, _ in parts], means, weights, np.array([cut for *_, cut in parts])


def _distances(embeddings: np.ndarray) -> np.ndarray:
    squares = (embeddings.astype(float) ** 2).sum(axis=1)
    apart = squares[:, None] + squares - 2 * embeddings.astype(float) @ embeddings.T
    return np.sqrt(np.maximum(apart, 0))


def _place_iou(tracks: Sequence[Track]) -> np.ndarray:
    """The IoU (n, n) of the last box of each track and the first box of each later one."""
    ended = np.array([track.detections[-1].box for track in tracks])
    begun = np.array([track.detections[0].box for track in tracks])
    corner = np.maximum(ended[:, None, :2], begun[:, :2])
    sides = np.maximum(np.minimum(ended[:, None, 2:], begun[:, 2:]) - corner, 0)
    shared = sides.prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (ended, begun)]
    later = np.triu(shared / (areas[0][:, None] + areas[1] - shared), 1)
    return later + later.T


def _bridge_occlusions(tracks: Sequence[Track], cuts: Sequence[int], fps: Fraction) -> list[Track]:
    """The tracks, joined where a face reappears after another one has hidden it."""
    follower = {
        i: j
        for i, (j, _) in by_motion(tracks, cuts, fps).items()
        if any(_occludes(other, tracks[i]) for other in tracks if other is not tracks[j])
    }
    whole = []
    for i in sorted(set(range(len(tracks))) - set(follower.values())):
        chain = [i]
        while chain[-1] in follower:
            chain.append(follower[chain[-1]])
        frames = [frame for n in chain for frame in tracks[n].frames]
        whole.append(Track(frames, [seen for n in chain for seen in tracks[n].detections]))
    return whole


def _motion_iou(before: Track, after: Track) -> float:
    forward = before.expected(after.start, HIDDEN_SIGHTINGS)
    back = after.expected(before.end, HIDDEN_SIGHTINGS)
    there = iou(forward, after.detections[0].box) + iou(back, before.detections[-1].box)
    return there / 2


def _occludes(other: Track, track: Track) -> bool:
    """Whether `other` touches `track` where and when that ends: it may have hidden the face."""
    after = track.end + 1
    if other is track or not (other.start <= after and track.end <= other.end):
        return False
    there = other.detections[bisect_left(other.frames, min(after, other.end))]
    return touching(there.box, track.detections[-1].box)


def _shot(frame: int, cuts: Sequence[int]) -> int:
    return bisect_right(cuts, frame)


def _last_seen_at(person: Sequence[Track], track: Track) -> bool:
    before = [t for t in person if t.start < track.start]
    if not before:
        return False
    last = before[-1]
    seen = last.detections[int(np.searchsorted(last.frames, track.start)) - 1]
    return iou(seen.box, track.detections[0].box) >= SAME_PLACE_IOU
