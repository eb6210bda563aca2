"""Persons in played scenes: who is who is never mixed up, and where they are is right."""

from fractions import Fraction
from itertools import combinations

import cv2
import numpy as np
import pytest

from face_detection.detection import iou
from face_detection.identity import embedding
from face_detection.persons import Person, link


def still(x: float, y: float = 100, height: float = 80):
    return lambda _: (x, y, height)


def walk(start: float, stop: float, frames: int, y: float = 100, height: float = 80):
    return lambda t: (start + (stop - start) * t / (frames - 1), y, height)


def parts(film, persons: list[Person]) -> dict[str, int]:
    """Which person each actor is: the same in all frames with the actor in sight, and in place."""
    taken: dict[str, set[int]] = {}
    for at, boxes in enumerate(film.truth):
        for name, box in boxes.items():
            here = {p.id: iou(p.box_at(at) or (0, 0, 0, 0), box) for p in persons}
            best = max(here, key=here.__getitem__)
            assert here[best] >= 0.8, f"{name} is lost in frame {at}: {here}"
            taken.setdefault(name, set()).add(best)
    assert all(len(numbers) == 1 for numbers in taken.values()), taken
    cast = {name: numbers.pop() for name, numbers in taken.items()}
    assert len(set(cast.values())) == len(cast) == len(persons), cast
    return cast


@pytest.fixture(scope="module")
def crossing(scenes):
    """Anna walks behind Berta; both walk on."""
    stands = {"anna": walk(60, 300, 50, y=105), "berta": walk(300, 60, 50, height=84)}
    return scenes.film(scenes.Scene(50, stands))


@pytest.fixture(scope="module")
def twins(scenes):
    stands = {"anna": walk(60, 300, 50, y=105), "twin": walk(300, 60, 50)}
    return scenes.film(scenes.Scene(50, stands))


@pytest.fixture(scope="module")
def programme(scenes):
    """Anna and Berta in turns, together, and Clara who takes Anna's place."""
    stage = scenes.Scene
    return scenes.film(
        stage(15, {"anna": still(180)}),
        stage(15, {"berta": still(185, height=86)}, wall=1),
        stage(12, {"anna": still(100, height=70), "berta": still(260, height=70)}, wall=2),
        stage(15, {"clara": still(180)}, wall=1),
        stage(15, {"anna": walk(180, 190, 15)}),
    )


def test_the_actors_are_as_unlike_as_people_and_the_twins_are_not(scenes) -> None:
    place = (180.0, 100.0, 90.0)
    seen = {
        name: embedding(
            scenes.Scene(1, {name: lambda _: place}).frame(0), scenes.face_box(name, place)
        )
        for name in scenes.BENDS
    }
    apart = {(a, b): np.linalg.norm(seen[a] - seen[b]) for a, b in combinations(sorted(seen), 2)}
    assert apart.pop(("anna", "twin")) < 0.3
    assert min(apart.values()) > 0.5


def test_two_who_cross_are_not_swapped(crossing) -> None:
    parts(crossing, crossing.persons)


def test_twins_who_cross_are_told_apart_by_their_motion(twins) -> None:
    parts(twins, twins.persons)


def test_motion_alone_is_enough_for_a_crossing(crossing) -> None:
    parts(crossing, link(crossing.detections))


def test_who_is_hidden_is_not_there(crossing) -> None:
    cast = parts(crossing, crossing.persons)
    anna = crossing.persons[cast["anna"] - 1]
    assert len(anna.intervals) == 2
    assert anna.box_at(25) is None


def test_one_who_turns_back_behind_another_is_known_by_the_face(scenes) -> None:
    """Motion would have the one go on and the other turn."""

    def there_and_back(t: int) -> tuple[float, float, float]:
        return 60 + 130 * float(np.sin(np.pi * t / 59)), 100, 80

    scene = scenes.Scene(60, {"anna": there_and_back, "berta": still(200, 105, 84)})
    film = scenes.film(scene)
    parts(film, film.persons)


def test_who_leaves_and_returns_elsewhere_is_known(scenes) -> None:
    def clara(t: int):
        if t < 15:
            return 60 - 10 * t, 105, 78
        return (400 - 4 * (t - 40), 100, 70) if t > 40 else None

    film = scenes.film(scenes.Scene(70, {"clara": clara, "anna": still(140, 100, 84)}))
    cast = parts(film, film.persons)
    assert cast == {"anna": 1, "clara": 2}
    assert film.persons[1].intervals[0][0] == 0
    assert film.persons[1].intervals[-1][1] == 70


def test_persons_are_known_again_after_cuts(programme) -> None:
    assert programme.cuts == [15, 30, 42, 57]
    cast = parts(programme, programme.persons)
    assert set(cast) == {"anna", "berta", "clara"}
    anna = programme.persons[cast["anna"] - 1]
    assert anna.intervals == [(0, 15), (30, 42), (57, 72)]
    assert anna.times[1] == (Fraction(30, 25), Fraction(42, 25))
    assert anna.visible_fraction(72) == pytest.approx(42 / 72)


def test_nothing_is_smoothed_across_a_cut(programme) -> None:
    """Berta's face is smaller at once, not little by little."""
    cast = parts(programme, programme.persons)
    berta = programme.persons[cast["berta"] - 1]
    heights = [berta.box_at(t)[3] - berta.box_at(t)[1] for t in (28, 29, 30, 31)]
    assert heights == pytest.approx([86, 86, 70, 70], abs=3)


def test_without_identity_nobody_is_known_after_a_cut(programme) -> None:
    assert len(link(programme.detections, cuts=programme.cuts)) == 6


def test_a_cut_that_nobody_noticed_swaps_nobody(scenes) -> None:
    """The room stays the same, only who stands in it changes."""
    film = scenes.film(
        scenes.Scene(30, {"anna": still(180)}), scenes.Scene(30, {"berta": still(182)})
    )
    assert film.cuts == []
    parts(film, film.persons)


def test_one_who_becomes_another_in_a_dissolve_is_two(scenes) -> None:
    film = scenes.dissolve(
        scenes.Scene(40, {"anna": still(180)}), scenes.Scene(40, {"clara": still(182)}), 12
    )
    assert film.cuts == []
    parts(film, film.persons)


def test_who_is_there_before_and_after_the_dark_is_known(scenes) -> None:
    """Neither fade is a cut, and the dark is nobody's."""
    film = scenes.fade(
        scenes.Scene(24, {"anna": still(110), "berta": still(255, height=84)}),
        scenes.Scene(24, {"berta": still(110, height=84), "anna": still(250)}, wall=1),
        8,
    )
    cast = parts(film, film.persons)
    assert set(cast) == {"anna", "berta"}


def test_one_who_comes_nearer_is_followed_all_the_way(scenes) -> None:
    def nearer(t: int) -> tuple[float, float, float]:
        return 120 + 2 * t, 100, 60 + 2 * t

    film = scenes.film(scenes.Scene(40, {"anna": nearer}))
    parts(film, film.persons)
    assert film.persons[0].intervals == [(0, 40)]


def test_twins_in_one_picture_are_two_after_a_cut_as_well(scenes) -> None:
    film = scenes.film(
        scenes.Scene(12, {"anna": still(100), "twin": still(260)}),
        scenes.Scene(12, {"clara": still(180)}, wall=1),
        scenes.Scene(12, {"anna": still(110), "twin": still(250)}),
    )
    parts(film, film.persons)


def test_the_embedding_survives_size_light_and_a_shift(scenes) -> None:
    place = (180.0, 100.0, 90.0)
    frame = scenes.Scene(1, {"anna": lambda _: place}).frame(0)
    x1, y1, x2, y2 = scenes.face_box("anna", place)
    first = embedding(frame, (x1, y1, x2, y2))
    assert first.shape == (128,)
    assert first.dtype == np.float32
    large = cv2.resize(frame, None, fx=2.5, fy=2.5)
    others = [
        embedding(large, (x1 * 2.5, y1 * 2.5, x2 * 2.5, y2 * 2.5)),
        embedding(frame // 2, (x1, y1, x2, y2)),
        embedding(np.roll(frame, 40, axis=1), (x1 + 40, y1, x2 + 40, y2)),
    ]
    assert max(np.linalg.norm(other - first) for other in others) < 0.3
