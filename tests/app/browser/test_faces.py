"""Faces are looked for as soon as a file is chosen; a box is drawn where none is found."""

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from app.sample import sample_face
from media.video_writer import VideoWriter

from .test_accessibility import problems, sticks_out

pytestmark = pytest.mark.browser

PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


@pytest.fixture(scope="module")
def nobody_in_sight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4 s at 5 frames a second without a face; segments of these tests last 2 s."""
    path = tmp_path_factory.mktemp("faces") / "later.mp4"
    with VideoWriter(path, 160, 120, Fraction(5)) as writer:
        for _ in range(20):
            writer.write(np.full((120, 160, 3), 160, np.uint8))
    return path


@pytest.fixture(params=["desk", "phone"])
def start(request: pytest.FixtureRequest, browser: Browser, base_url: str) -> Iterator[Page]:
    """The start page, on a desk and on a phone with a finger."""
    options: dict[str, Any] = PHONE if request.param == "phone" else {}
    context = browser.new_context(base_url=base_url, **options)
    page = context.new_page()
    page.goto("/")
    yield page
    context.close()


def choose(page: Page, file: Path) -> None:
    page.locator("input#source").set_input_files(file)


def said(page: Page) -> Locator:
    """What is said of the faces beside the field."""
    return page.locator(".found")


def box(page: Page) -> list[int]:
    """Left, top, width and height of the box, as screen readers are told."""
    numbers = re.findall(r"\d+", page.locator("#face-box .place").inner_text())
    return [int(number) for number in numbers[:4]]


def frame(page: Page) -> dict[str, float]:
    """Where the picture that is drawn on lies in the window."""
    place = page.locator("#face-box .frame").bounding_box()
    assert place is not None
    return {**place}


def stroke(page: Page, *points: tuple[float, float]) -> None:
    """Draw from point to point, in pixels of the source, with a finger where there is one."""
    place = frame(page)
    scale = place["width"] / 400
    window = [(place["x"] + x * scale, place["y"] + y * scale) for x, y in points]
    if not page.evaluate("navigator.maxTouchPoints"):
        page.mouse.move(*window[0])
        page.mouse.down()
        for point in window:
            page.mouse.move(*point)
        page.mouse.up()
        return
    finger = page.context.new_cdp_session(page)
    for kind, point in [("touchStart", window[0]), *(("touchMove", each) for each in window)]:
        touched = [{"x": point[0], "y": point[1]}]
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touched})
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_the_faces_are_counted_before_anything_is_animated(page: Page, two_faces: Path) -> None:
    page.goto("/")
    choose(page, two_faces)
    expect(said(page)).to_have_text(re.compile("^2 faces were found. You choose who speaks"))
    choose(page, sample_face())
    expect(said(page)).to_have_text("1 face was found.")
    page.get_by_role("button", name="Not the right face? Draw a box").click()
    expect(page.locator("#face-box .outline")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("#face-box")).to_be_hidden()
    expect(said(page)).to_have_text("1 face was found.")


def test_of_a_long_video_the_beginning_is_told(page: Page, nobody_in_sight: Path) -> None:
    page.goto("/")
    choose(page, nobody_in_sight)
    expect(said(page)).to_contain_text("No face was found in the first 2.0 s.")
    expect(page.locator("#source-error")).to_be_hidden()


def test_where_no_face_is_found_a_box_is_drawn_and_used(
    start: Page, no_face: Path, short_voice: Path
) -> None:
    choose(start, no_face)
    expect(start.locator("#source-error")).to_contain_text("No face was found")
    expect(start.locator("#source-error")).not_to_contain_text("--box")
    start.locator("input#voice").set_input_files(short_voice)
    start.get_by_label("I may use this face and this voice").check()
    start.get_by_role("button", name="Animate").click()
    button = start.get_by_role("button", name="Draw a box around the face")
    expect(button).to_be_focused()
    button.click()
    expect(start.locator("#face-box")).to_be_visible()
    assert problems(start) == []
    assert sticks_out(start) <= 0
    stroke(start, (40, 30), (100, 90), (140, 170))
    assert box(start) == pytest.approx([40, 30, 100, 140], abs=3)
    stroke(start, (90, 100), (150, 130))  # within it: it is moved
    assert box(start) == pytest.approx([100, 60, 100, 140], abs=4)
    stroke(start, (310, 150))  # a press beside it
    assert box(start) == pytest.approx([260, 80, 100, 140], abs=4)
    start.get_by_role("button", name="Use this box").click()
    expect(said(start)).to_have_text("The face is where you drew the box.")
    expect(start.locator("#source-error")).to_be_hidden()
    start.get_by_role("button", name="Animate").click()
    start.wait_for_url(re.compile(r"/jobs/[0-9a-f]{32}$"))
    job = start.request.get(start.url.replace("/jobs/", "/api/v1/jobs/")).json()
    x1, y1, x2, y2 = job["options"]["box"]
    assert [x1, y1, x2 - x1, y2 - y1] == pytest.approx([260, 80, 100, 140], abs=4)
    start.get_by_role("button", name="Cancel").click()


def test_the_keyboard_alone_draws_it(page: Page, no_face: Path) -> None:
    page.goto("/")
    choose(page, no_face)
    button = page.get_by_role("button", name="Draw a box around the face")
    expect(button).to_be_visible()
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("application", name="Box around the face")).to_be_focused()
    assert box(page) == [150, 100, 100, 100]
    for key in ["ArrowLeft"] * 2 + ["ArrowDown"] + ["Shift+ArrowRight"] * 3 + ["Shift+ArrowUp"]:
        page.keyboard.press(key)
    assert box(page) == [144, 103, 109, 97]
    expect(page.locator("#face-box .place")).to_have_attribute("role", "status")
    for _ in range(60):
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Shift+ArrowUp")
    assert box(page) == [0, 103, 109, 16]
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Use this box")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Change the box")).to_be_focused()
    page.get_by_role("button", name="Remove the box").click()
    expect(page.locator("#source-error")).to_contain_text("No face was found")


def test_a_box_belongs_to_its_file(page: Page, no_face: Path) -> None:
    page.goto("/")
    choose(page, no_face)
    page.get_by_role("button", name="Draw a box around the face").click()
    page.get_by_role("button", name="Use this box").click()
    choose(page, sample_face())
    expect(said(page)).to_have_text("1 face was found.")
    expect(page.get_by_role("button", name="Remove the box")).to_be_hidden()
