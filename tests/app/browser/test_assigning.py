"""Two voices and two people: who speaks what is said by dragging, or by keyboard alone."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

pytestmark = pytest.mark.browser

WORK = 240_000  # milliseconds that finding faces may take on a busy machine


@pytest.fixture(scope="module")
def asked(
    browser: Browser,
    base_url: str,
    two_faces: Path,
    short_voice: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Any, str]:
    """A visitor's cookies, and the address of a job that asks who speaks which of two voices."""
    answer = tmp_path_factory.mktemp("voices") / "answer.wav"
    answer.write_bytes(short_voice.read_bytes())
    context = browser.new_context(base_url=base_url)
    page = context.new_page()
    page.goto("/")
    page.locator("input#source").set_input_files(two_faces)
    page.locator("input#voice").set_input_files(short_voice)
    page.get_by_role("button", name="Add another voice").click()
    page.locator("input#voice-2").set_input_files(answer)
    page.get_by_role("region", name="Voice 2").get_by_label("Louder or softer").fill("-3")
    page.get_by_label("I may use this face and this voice").check()
    page.get_by_role("button", name="Animate").click()
    page.wait_for_url(re.compile(r"/jobs/[0-9a-f]{32}$"), timeout=WORK)
    expect(page.get_by_role("heading", level=1)).to_have_text("Who speaks?", timeout=WORK)
    asked = context.storage_state(), page.url
    context.close()
    return asked


@pytest.fixture(params=["desk", "phone"])
def picker(
    request: pytest.FixtureRequest, browser: Browser, asked: tuple[Any, str]
) -> Iterator[Page]:
    phone = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}
    context = browser.new_context(
        storage_state=asked[0], **(phone if request.param == "phone" else {})
    )
    page = context.new_page()
    page.set_default_timeout(15_000)
    page.goto(asked[1])
    expect(page.locator(".voices li")).to_have_count(2)
    expect(page.locator(".person-overlay .face")).to_have_count(2)
    yield page
    context.close()


def middle(place: Locator) -> tuple[float, float]:
    box = place.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag_with_mouse(page: Page, thing: Locator, place: Locator) -> None:
    page.mouse.move(*middle(thing))
    page.mouse.down()
    page.mouse.move(*middle(place), steps=5)
    expect(page.locator(".ghost")).to_be_visible()
    expect(page.locator(".target").first).to_be_visible()
    page.mouse.up()
    expect(page.locator(".ghost")).to_have_count(0)


def drag_with_finger(page: Page, thing: Locator, place: Locator) -> None:
    finger = page.context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        touched = [{"x": x, "y": y} for x, y in points]
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touched})

    x, y = middle(thing)
    touch("touchStart", (x, y))
    touch("touchMove", (x + 10, y + 10))
    touch("touchMove", middle(place))
    expect(page.locator(".target").first).to_be_visible()
    touch("touchEnd")
    expect(page.locator(".ghost")).to_have_count(0)


def announcement(page: Page) -> Locator:
    """What screen readers are told."""
    return page.locator(".announcement")


def chosen(page: Page) -> list[str]:
    return [each.input_value() for each in page.locator(".voices select").all()]


@pytest.mark.parametrize("place", [".faces label", ".person-overlay .face"])
def test_a_voice_is_dragged_onto_a_person(picker: Page, place: str) -> None:
    people = picker.locator(place)
    phone = picker.evaluate("navigator.maxTouchPoints > 0")
    if phone:
        picker.set_viewport_size({"width": 360, "height": 1400})  # all in sight at once
    drag = drag_with_finger if phone else drag_with_mouse
    grips = picker.locator(".voices .grip")
    right = people.filter(has_text="2")
    drag(picker, grips.nth(0), right)
    expect(announcement(picker)).to_have_text("Voice 1, “voice.wav”, speaks as person 2.")
    drag(picker, grips.nth(1), people.filter(has_text="1").first)
    expect(announcement(picker)).to_have_text("Voice 2, “answer.wav”, speaks as person 1.")
    assert chosen(picker) == ["2", "1"]
    expect(picker.locator(".speaks")).to_have_text(["Voice 2", "Voice 1"])
    expect(picker.get_by_role("button", name="Animate them")).to_be_visible()


def test_a_voice_let_go_elsewhere_stays_where_it_was(picker: Page) -> None:
    before = chosen(picker)
    picker.mouse.move(*middle(picker.locator(".voices li .name").first))
    picker.mouse.down()
    picker.mouse.move(*middle(picker.locator(".faces label").last), steps=3)
    picker.keyboard.press("Escape")
    expect(picker.locator(".ghost")).to_have_count(0)
    picker.mouse.up()
    picker.mouse.move(*middle(picker.locator(".voices li .name").first))
    picker.mouse.down()
    picker.mouse.move(*middle(picker.locator("h1")), steps=3)
    picker.mouse.up()
    expect(picker.locator(".ghost")).to_have_count(0)
    assert chosen(picker) == before


def test_a_click_on_a_voice_is_still_a_click(picker: Page) -> None:
    picker.locator(".voices li .name").last.click()
    expect(picker.locator(".voices input").last).to_be_checked()
    expect(picker.locator(".question")).to_contain_text("Who speaks “answer.wav”?")


def test_the_keyboard_alone_says_who_speaks_what(picker: Page) -> None:
    picker.get_by_label("Who speaks “voice.wav”").last.focus()
    picker.keyboard.press("ArrowDown")
    expect(announcement(picker)).to_have_text("Voice 1, “voice.wav”, speaks as person 2.")
    picker.keyboard.press("Tab")
    expect(picker.get_by_label("Who speaks “answer.wav”").last).to_be_focused()
    picker.keyboard.press("ArrowDown")
    expect(announcement(picker)).to_have_text("Voice 2, “answer.wav”, speaks as person 1.")
    picker.keyboard.press("Tab")
    expect(picker.get_by_role("radio", name="Person 1")).to_be_focused()
    picker.keyboard.press("ArrowRight")
    expect(announcement(picker)).to_have_text("Voice 2, “answer.wav”, speaks as person 2.")
    assert chosen(picker) == ["2", "2"]


def test_both_voices_keep_their_start_and_loudness(picker: Page) -> None:
    with picker.expect_request("**/voices") as asked:
        picker.route("**/voices", lambda route: route.abort())
        picker.keyboard.press("Enter")
        picker.keyboard.press("Enter")
    voices = asked.value.post_data_json["voices"]
    assert [(each["start"], each["gain"]) for each in voices] == [(0, 0), (0.6, -3)]
