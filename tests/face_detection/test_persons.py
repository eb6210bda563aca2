"""From detections to persons, on scenes made of moving boxes."""

from fractions import Fraction

import numpy as np
import pytest
from skimage.data import astronaut

from face_detection.centerface import CenterFaceDetector
from face_detection.clustering import by_place
from face_detection.detection import Box, Detection
from face_detection.persons import from_csv, link, person_at, require_faces, to_csv
from face_detection.tracks import Track, follow
from media.errors import NamedError

LEFT, RIGHT = (100.0, 100.0, 180.0, 200.0), (400.0, 110.0, 480.0, 210.0)


def face(box: Box, score: float = 1.0) -> Detection:
    return Detection(*box, score)


def moved(box: Box, dx: float, dy: float = 0.0) -> Box:
    return box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy


def test_a_still_is_numbered_from_left_to_right() -> None:
    boxes = [moved(LEFT, dx) for dx in (300, 0, 600)]
    persons = link([[face(box, score) for box, score in zip(boxes, (3, 1, 2), strict=True)]])
    assert [p.id for p in persons] == [1, 2, 3]
    assert [p.box_at(0) for p in persons] == [boxes[1], boxes[0], boxes[2]]
    assert [p.score for p in persons] == [1, 3, 2]
    assert [p.best_frame for p in persons] == [0, 0, 0]


def test_a_photograph_of_two_is_two_persons() -> None:
    pair = np.hstack([astronaut(), astronaut()[:, ::-1]])
    left, right = link(CenterFaceDetector(still=True).detect([pair]))
    assert left.box_at(0)[2] < 512 < right.box_at(0)[0]  # type: ignore[index]


def test_a_group_is_numbered_row_by_row() -> None:
    """As people read: three rows, none of them straight, the one in the middle between the others.

    Rows of a group photograph overlap; heads of a row differ in height by half a face.
    """
    rows = [
        [(100 * column + shift, top + 35 * (column % 2)) for column in range(6)]
        for shift, top in ((0, 0), (50, 95), (10, 190))
    ]
    places = [(x, y, x + 60.0, y + 70.0) for row in rows for x, y in row]
    shuffled = np.random.default_rng(1).permutation(places).tolist()
    persons = link([[face(tuple(box)) for box in shuffled]])
    assert [person.id for person in persons] == [*range(1, 19)]
    assert [person.box_at(0) for person in persons] == places


def test_two_of_different_height_are_numbered_from_left_to_right() -> None:
    low, high = (0.0, 50.0, 60.0, 120.0), (100.0, 0.0, 160.0, 70.0)
    assert [p.box_at(0) for p in link([[face(high), face(low)]])] == [low, high]


def test_a_talking_head_is_one_person() -> None:
    sway = [moved(LEFT, 30 * np.sin(t / 8), 10 * np.cos(t / 5)) for t in range(100)]
    [person] = link([[face(box)] for box in sway])
    assert person.frames.tolist() == list(range(100))
    assert person.seconds == 4
    assert person.box_at(50) == pytest.approx(sway[50], abs=2)
    assert person.box_at(50, smooth=False) == pytest.approx(sway[50], abs=1e-4)
    assert person.box_at(100) is None


def test_two_people_side_by_side_keep_their_numbers() -> None:
    """Whichever the detector is surer of, and though one is missed now and then."""
    scene = [[face(RIGHT, 2), face(LEFT, 1)] if t % 3 else [face(LEFT, 3)] for t in range(1, 60)]
    left, right = link(scene)
    assert left.box_at(30) == pytest.approx(LEFT)
    assert right.box_at(30) == pytest.approx(RIGHT)


def test_whoever_is_longer_in_sight_comes_first() -> None:
    scene = [[face(LEFT), face(RIGHT)] if t < 50 else [face(RIGHT)] for t in range(150)]
    first, second = link(scene)
    assert first.box_at(0) == pytest.approx(RIGHT)
    assert second.box_at(0) == pytest.approx(LEFT)


def test_a_quick_walk_is_followed() -> None:
    [person] = link([[face(moved(LEFT, 40 * t))] for t in range(25)])
    assert len(person.frames) == 25


def test_a_short_gap_is_bridged_evenly() -> None:
    scene = [[] if 20 <= t < 25 else [face(moved(LEFT, 2 * t))] for t in range(50)]
    [person] = link(scene)
    assert 22 not in person.frames
    assert person.box_at(22, smooth=False) == pytest.approx(moved(LEFT, 44))
    assert person.box_at(22) == pytest.approx(moved(LEFT, 44))


def test_who_leaves_and_returns_to_the_place_is_the_same_and_was_away() -> None:
    scene = [[] if 40 <= t < 80 else [face(moved(LEFT, 20 * (t >= 80)))] for t in range(120)]
    [person] = link(scene)
    assert person.box_at(39) == pytest.approx(LEFT)
    assert [person.box_at(t) for t in range(40, 80)] == [None] * 40
    # What was seen before the absence does not pull at the box after it.
    assert person.box_at(80) == pytest.approx(moved(LEFT, 20))


def test_who_turns_up_elsewhere_is_another() -> None:
    scene = [[face(LEFT if t < 40 else RIGHT)] if not 40 <= t < 60 else [] for t in range(120)]
    assert len(link(scene)) == 2


def test_a_place_that_two_were_seen_at_is_nobodys() -> None:
    """One leaves, another comes over and leaves too: whoever returns may be either."""
    seen = [
        *[[face(LEFT), face(RIGHT)]] * 30,
        *[[face(moved(RIGHT, -10 * t))] for t in range(31)],
        *[[face(moved(RIGHT, -300))]] * 10,
        *[[]] * 20,
        *[[face(LEFT)]] * 30,
    ]
    persons = link(seen)
    assert len(persons) == 3


def test_a_gap_is_measured_in_time() -> None:
    scene = [[] if 10 <= t < 20 else [face(LEFT)] for t in range(40)]
    [at_25] = link(scene, Fraction(25))
    [at_60] = link(scene, Fraction(60))
    assert at_25.box_at(15) is None
    assert at_60.box_at(15) == pytest.approx(LEFT)


def test_brief_false_alarms_are_left_out() -> None:
    scene = [[face(LEFT)] + [face(RIGHT)] * (t in (10, 11, 60)) for t in range(100)]
    [person] = link(scene)
    assert person.box_at(10) == pytest.approx(LEFT)


def test_a_face_seen_briefly_counts_where_there_is_no_other() -> None:
    scene = [[face(LEFT)] if t in (10, 11) else [] for t in range(100)]
    [person] = link(scene)
    assert person.frames.tolist() == [10, 11]


def test_the_best_frame_shows_the_face_large_and_surely() -> None:
    scene = [[face((100, 100, 150 + t, 160 + t), 0.2 if t > 20 else 1.0)] for t in range(30)]
    [person] = link(scene)
    assert person.best_frame == 20


def test_nothing_seen_is_nobody() -> None:
    assert link([]) == []
    assert link([[], []]) == []


def test_tracks_end_where_the_gap_is_too_long() -> None:
    scene = [[face(LEFT)], [], [face(LEFT)], [], [], [face(LEFT)]]
    assert [track.frames for track in follow(scene, max_gap=2)] == [[0, 2], [5]]


def test_two_tracks_at_once_are_never_one_person() -> None:
    a, b = Track([0, 1, 2], [face(LEFT)] * 3), Track([1, 2], [face(moved(LEFT, 20))] * 2)
    assert by_place([a, b]) == [[a], [b]]


def test_persons_survive_as_text() -> None:
    noise = np.random.default_rng(1).normal(0, 1, (60, 8))
    scene = [
        [face(moved(LEFT, a, b), abs(c)), face(moved(RIGHT, d, e), abs(f))]
        for a, b, c, d, e, f, *_ in noise.tolist()
    ]
    persons = link(scene, Fraction(30000, 1001))
    again = from_csv(to_csv(persons))
    assert [p.id for p in again] == [1, 2]
    for one, other in zip(persons, again, strict=True):
        assert one.fps == other.fps
        for kept in ("frames", "boxes", "scores"):
            assert np.array_equal(getattr(one, kept), getattr(other, kept))
    assert from_csv(to_csv([])) == []


def test_no_face_and_too_small_a_face_are_named() -> None:
    with pytest.raises(NamedError) as nobody:
        require_faces([])
    assert nobody.value.code == "no-face-found"
    with pytest.raises(NamedError, match="only 20 pixels") as tiny:
        require_faces(link([[face((5, 5, 20, 25))]]))
    assert tiny.value.code == "face-too-small"
    require_faces(link([[face((5, 5, 20, 25)), face(LEFT)]]))


def test_a_click_means_the_head_it_hits() -> None:
    persons = link([[face(LEFT), face(RIGHT)]] * 30)
    assert person_at(persons, 10, 140, 150).id == 1  # type: ignore[union-attr]
    assert person_at(persons, 10, 440, 85).id == 2, "a click on the hair"  # type: ignore[union-attr]
    assert person_at(persons, 10, 290, 150) is None
    assert person_at(persons, 99, 140, 150) is None
    assert person_at([], 0, 0, 0) is None


def test_of_two_heads_side_by_side_the_nearer_is_meant() -> None:
    left, right = link([[face(LEFT), face(moved(LEFT, 70))]] * 30)
    assert person_at([left, right], 0, 172, 150) is left
    assert person_at([left, right], 0, 178, 150) is right


def test_a_track_ends_at_a_cut() -> None:
    tracks = follow([[face(LEFT)]] * 6, max_gap=2, cuts=[4])
    assert [track.frames for track in tracks] == [[0, 1, 2, 3], [4, 5]]


def test_tracks_end_where_one_of_two_touching_faces_is_lost() -> None:
    """Whichever of them is left: it may be either."""
    pair, one = [face(LEFT), face(moved(LEFT, 70))], [face(moved(LEFT, 40))]
    tracks = follow([pair, pair, one, one, pair, pair], max_gap=7)
    assert sorted(track.frames for track in tracks) == [[0, 1], [0, 1], [2, 3], [4, 5], [4, 5]]


def test_touching_faces_that_are_both_seen_are_followed() -> None:
    tracks = follow([[face(LEFT), face(moved(LEFT, 70))]] * 6, max_gap=7)
    assert [len(track.frames) for track in tracks] == [6, 6]


def test_cuts_survive_as_text_and_older_text_is_read() -> None:
    persons = link([[face(LEFT)]] * 20, cuts=[10])
    text = to_csv(persons)
    assert from_csv(text)[0].cuts == (10,)
    assert from_csv(text.replace(" cuts=10", ""))[0].cuts == ()
    before_rolls = "".join(
        line if line.startswith("#") else line.rpartition(",")[0] + "\n"
        for line in text.splitlines(keepends=True)
    )
    assert from_csv(before_rolls)[0].roll_at(3) == 0


def test_identity_is_asked_once_with_frames_that_never_fall() -> None:
    asked = []

    def identity(looks):
        asked.append([frame for frame, _, _ in looks])
        return np.array([[box[0] > 300] * 128 for _, box, _ in looks], np.float32)

    scene = [
        [face(LEFT), face(RIGHT)] if t < 40 else [face(RIGHT)] if t < 60 else [] for t in range(90)
    ]
    persons = link(scene, identity=identity)
    assert len(persons) == 2
    [frames] = asked
    assert frames == sorted(frames)
    assert len(frames) == 6


def test_without_any_face_identity_is_not_asked() -> None:
    assert link([[], []], identity=lambda looks: pytest.fail("asked")) == []
