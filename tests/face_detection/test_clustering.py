"""Which tracks are one person, on tracks and distances made for the purpose."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from face_detection.best_frames import best_sightings, split_by_face
from face_detection.clustering import average_linkage
from face_detection.detection import Detection
from face_detection.tracks import Track

NONE = np.zeros((3, 3))
ONES = np.ones(3)


def clusters(distance, worth=NONE, weights=ONES, most=0.5) -> list[list[int]]:
    found = average_linkage(np.array(distance, float), np.array(worth, float), weights, most)
    return sorted(sorted(cluster) for cluster in found)


def test_the_nearest_are_joined_first_and_the_far_never() -> None:
    assert clusters([[0, 0.2, 0.9], [0.2, 0, 0.9], [0.9, 0.9, 0]]) == [[0, 1], [2]]


def test_a_pair_that_is_forbidden_is_never_joined_by_way_of_a_third() -> None:
    far = np.inf
    assert clusters([[0, far, 0.2], [far, 0, 0.1], [0.2, 0.1, 0]]) == [[0], [1, 2]]


def test_what_a_motion_is_worth_decides_between_equals() -> None:
    distance = [[0, np.inf, 0.20], [np.inf, 0, 0.18], [0.20, 0.18, 0]]
    assert clusters(distance, [[0, 0, 0.1], [0, 0, 0], [0.1, 0, 0]]) == [[0, 2], [1]]


def test_a_distance_to_a_cluster_is_the_mean_by_weight() -> None:
    distance = [[0, 0.1, 0.4], [0.1, 0, 0.7], [0.4, 0.7, 0]]
    assert clusters(distance, weights=np.array([3.0, 1.0, 1.0])) == [[0, 1, 2]]
    assert clusters(distance, weights=np.array([1.0, 3.0, 1.0])) == [[0, 1], [2]]


@settings(deadline=None)
@given(n=st.integers(0, 12), seed=st.integers(0, 10_000))
def test_every_track_is_in_one_cluster_and_no_cluster_breaks_a_ban(n: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    distance = random.uniform(0, 1, (n, n))
    distance[random.uniform(0, 1, (n, n)) < 0.2] = np.inf
    distance = np.maximum(distance, distance.T)
    found = average_linkage(distance, np.zeros((n, n)), np.ones(n), 0.6)
    assert sorted(i for cluster in found for i in cluster) == list(range(n))
    for cluster in found:
        inside = distance[np.ix_(cluster, cluster)][np.triu_indices(len(cluster), 1)]
        assert np.isfinite(inside).all()


def track(length: int, score=lambda t: 1.0, x=lambda t: 0.0) -> Track:
    faces = [Detection(x(t), 0, x(t) + 80, 100, score(t)) for t in range(length)]
    return Track(list(range(length)), faces)


@pytest.mark.parametrize(("length", "count"), [(1, 1), (4, 1), (9, 2), (50, 3), (125, 5), (999, 8)])
def test_a_longer_track_gets_more_looks_within_bounds(length: int, count: int) -> None:
    looks = best_sightings(track(length), 25)
    assert len(looks) == count
    assert looks == sorted(set(looks))


def test_the_clearest_sighting_of_each_part_is_looked_at() -> None:
    good = {10, 40, 60}
    assert best_sightings(track(75, score=lambda t: 2.0 if t in good else 1.0), 25) == [10, 40, 60]


def test_a_face_that_moves_is_not_looked_at_while_one_stands_still() -> None:
    [look] = best_sightings(track(5, x=lambda t: 30.0 * max(2 - t, 0)), 25)
    assert look in (3, 4)


def test_a_track_that_changes_its_face_is_cut_at_its_jump() -> None:
    jumping = track(60, x=lambda t: 20.0 if t >= 33 else 0.0)
    faces = np.repeat([[0.0], [0.1]], [2, 2], axis=0) * np.ones(128)
    first, second = split_by_face(jumping, [5, 20, 40, 55], faces.astype(np.float32))
    assert first[0].frames == list(range(33))
    assert second[0].frames == list(range(33, 60))
    assert [len(first[1]), len(second[1])] == [2, 2]


def test_a_track_of_one_face_stays_whole() -> None:
    faces = np.random.default_rng(0).normal(0, 0.02, (4, 128)).astype(np.float32)
    [(whole, _)] = split_by_face(track(60), [5, 20, 40, 55], faces)
    assert len(whole.frames) == 60
