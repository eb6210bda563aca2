"""Sixty faces in one picture: each can be hit with mouse, finger and keyboard.

What the picker is shown is made up, so that nothing has to be found or rendered for it.
"""

import io
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, Route, expect

pytestmark = pytest.mark.browser

COLUMNS, ROWS = 10, 6
SIZE = {"width": 1000, "height": 600}
PICTURE = "/crowd.png"
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


def crowd() -> list[dict[str, Any]]:
    """Sixty persons in rows, in boxes of 40x50 pixels."""
    return [
        {
            "id": 1 + row * COLUMNS + column,
            "box": [30 + 100 * column, 25 + 100 * row, 70 + 100 * column, 75 + 100 * row],
            "frame": 0, "score": 0.9, "thumbnail": "/static/sample/face.webp",
            "first": 0, "last": 4, "share": 1.0, "intervals": [[0, 4]], "speaks": [],
        }
        for row in range(ROWS)
        for column in range(COLUMNS)
    ]  # fmt: skip


def asking(job: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A job as it is while it asks which of sixty persons speaks."""
    picture = {"url": PICTURE, "frame": 0, **SIZE}
    voices = [{**voice, "person": None} for voice in job["voices"]]
    return {
        **job, "state": "choosing", "summary": "Who speaks?", "persons": crowd(),
        "picture": picture, "previews": [], "error": None, "voices": voices, **changes,
    }  # fmt: skip


@pytest.fixture(scope="module")
def cancelled(browser: Browser, base_url: str) -> tuple[Any, str]:
    """A visitor's cookies, and the address of a job of theirs that needs no work any more."""
    context = browser.new_context(base_url=base_url)
    page = context.new_page()
    page.goto("/")
    page.get_by_role("button", name="Try the sample").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Cancelled")
    made = context.storage_state(), page.url
    context.close()
    return made


def open_picker(
    browser: Browser, cancelled: tuple[Any, str], options: dict[str, Any], **changes: Any
) -> Page:
    """The page of that job, as if it asked who speaks."""
    context = browser.new_context(storage_state=cancelled[0], **options)
    page = context.new_page()
    address = cancelled[1].replace("/jobs/", "/api/v1/jobs/")
    job = context.request.get(address).json()

    def answer(route: Route) -> None:
        route.fulfill(body=json.dumps(asking(job, **changes)), content_type="application/json")

    drawn = io.BytesIO()
    Image.new("RGB", (SIZE["width"], SIZE["height"]), (90, 110, 130)).save(drawn, "PNG")
    page.route(f"**{PICTURE}", lambda route: route.fulfill(body=drawn.getvalue()))
    page.route(address, answer)
    page.goto(cancelled[1])
    return page


@pytest.fixture(params=["desk", "phone"])
def picker(
    request: pytest.FixtureRequest, browser: Browser, cancelled: tuple[Any, str]
) -> Iterator[Page]:
    options: dict[str, Any] = PHONE if request.param == "phone" else {}
    page = open_picker(browser, cancelled, options)
    expect(page.locator(".person-overlay .face")).to_have_count(COLUMNS * ROWS)
    yield page
    page.context.close()


def press(page: Page, x: float, y: float) -> None:
    """A click, or the tap of a finger, at a place of the picture in its own pixels."""
    frame = page.locator(".person-overlay .frame")
    frame.scroll_into_view_if_needed()
    place = frame.bounding_box()
    assert place is not None
    scale = place["width"] / SIZE["width"]
    at = place["x"] + x * scale, place["y"] + y * scale
    if page.evaluate("navigator.maxTouchPoints"):
        page.touchscreen.tap(*at)
    else:
        page.mouse.click(*at)


def chosen(page: Page) -> Locator:
    """The box of the person who is to speak."""
    return page.locator(".person-overlay .face.chosen")


def test_each_of_sixty_faces_can_be_hit(picker: Page) -> None:
    expect(chosen(picker)).to_have_text("1")
    for x, y, person in [(450, 350, "35"), (955, 575, "60"), (80, 80, "1")]:
        press(picker, x, y)
        expect(picker.locator(f"#person-{person}")).to_be_checked()
        expect(chosen(picker)).to_have_text(person)
        expect(picker.locator(".portrait figcaption")).to_have_text(f"Person {person} of 60")


def test_a_finger_may_miss_a_small_face_by_a_little(picker: Page) -> None:
    press(picker, 250 + 30, 150 + 30)  # beside the box, whose middle is at 250, 150
    expect(chosen(picker)).to_have_text("13")
    frame = picker.locator(".person-overlay .frame").bounding_box()
    assert frame is not None
    if frame["width"] > 700:  # faces are far enough from each other for a press at none of them
        press(picker, 500, 300)
        expect(chosen(picker)).to_have_text("13")


def test_numbers_leave_small_faces_to_be_seen(picker: Page) -> None:
    expect(picker.locator(".frame.crowd")).to_have_count(1)
    numbers = picker.locator(".face span:visible")
    phone = picker.evaluate("navigator.maxTouchPoints > 0")
    expect(numbers).to_have_count(1 if phone else COLUMNS * ROWS)
    if not phone:
        high = picker.locator(".face", has_text=re.compile("^35$")).locator("span").bounding_box()
        assert high is not None
        assert high["height"] <= 20


def test_the_keyboard_goes_from_face_to_face(picker: Page) -> None:
    picker.locator("#person-1").focus()
    for _ in range(12):
        picker.keyboard.press("ArrowRight")
    expect(chosen(picker)).to_have_text("13")
    expect(picker.locator("#person-13")).to_be_in_viewport()
    with picker.expect_request("**/voices") as asked:
        picker.route("**/voices", lambda route: route.abort())
        picker.keyboard.press("Enter")
    assert [each["person"] for each in asked.value.post_data_json["voices"]] == [13]


def test_a_choice_in_a_video_leads_to_where_the_face_is_seen(
    browser: Browser, cancelled: tuple[Any, str]
) -> None:
    def seen(time: float, *persons: int) -> dict[str, Any]:
        boxes = [{"person": n, "box": crowd()[n - 1]["box"]} for n in persons]
        return {"frame": int(25 * time), "time": time, "picture": PICTURE, "boxes": boxes}

    previews = [seen(0, 1, 2), seen(2, 2), seen(4, 2, 3, 4)]
    film = {"id": "1" * 32, "name": "film.mp4", "kind": "video"}
    page = open_picker(browser, cancelled, {}, source=film, persons=crowd()[:4], previews=previews)
    moment = page.get_by_label("Look through the video")
    boxes = page.locator(".person-overlay .face")
    expect(moment).to_have_value("0")  # where person 1 is seen, who is asked for first
    expect(boxes).to_have_count(2)
    page.get_by_role("radio", name="Person 3").check()
    expect(moment).to_have_value("2")
    expect(boxes).to_have_count(3)
    page.get_by_role("radio", name="Person 2").check()
    expect(moment).to_have_value("2")  # seen here too: the picture stays
    moment.fill("1")
    expect(boxes).to_have_count(1)
    expect(moment).to_have_attribute("aria-valuetext", "0:02.0, Person 2")
    page.context.close()
