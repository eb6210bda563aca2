"""A large file on an unsteady line: it is paused, broken off, and goes on where it was."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Request, expect

pytestmark = pytest.mark.browser

Slow = Callable[[Page], None]

PIECE = 4 * 2**20
BUFFERS = 4 * 2**20  # bytes that the browser counts as sent and the kernel still holds
WORK = 60_000  # milliseconds that sending and looking may take on a busy machine


@pytest.fixture
def offsets(page: Page) -> list[int]:
    """Where each piece begins that the page sends."""
    begun: list[int] = []

    def note(request: Request) -> None:
        if request.method == "PATCH":
            begun.append(int(request.headers["upload-offset"]))

    page.on("request", note)
    return begun


@pytest.fixture
def voice(page: Page) -> Locator:
    return page.get_by_role("region", name="Voice")


def choose(page: Page, path: Path) -> None:
    page.locator("input#voice").set_input_files(path)


def arrived(voice: Locator) -> None:
    expect(voice.locator(".about")).to_have_text("sound, 2 min 20 s", timeout=WORK)


def half_way(page: Page) -> float:
    """Wait until some of the file is sent; the share of it."""
    share: Any = page.wait_for_function(
        """() => {
            const { value } = document.querySelector('[data-role=voice] progress');
            return value > 0.4 && value < 0.9 && value;
        }"""
    ).json_value()
    return float(share)


def test_a_large_file_comes_in_pieces(
    page: Page, voice: Locator, offsets: list[int], long_voice: Path
) -> None:
    page.goto("/")
    choose(page, long_voice)
    arrived(voice)
    expect(voice.locator(".sending")).to_be_hidden()
    assert offsets == [0, PIECE, 2 * PIECE, 3 * PIECE]
    assert page.evaluate("localStorage.unfinished") == "[]"


def test_a_server_that_dies_costs_little_more_than_what_was_on_its_way(
    page: Page, mortal: Any, voice: Locator, offsets: list[int], slow: Slow, long_voice: Path
) -> None:
    page.goto(mortal.address)
    slow(page)
    choose(page, long_voice)
    sent = half_way(page) * long_voice.stat().st_size
    mortal.kill()
    expect(voice.locator(".doing")).to_have_text("Waiting for the connection")
    expect(voice.get_by_role("status")).to_have_text("Waiting for the connection")
    expect(voice.get_by_role("button", name="Try now")).to_be_visible()
    before = len(offsets)
    mortal.start()
    arrived(voice)
    assert sent - BUFFERS <= offsets[before] <= sent + PIECE


def test_it_is_paused_and_resumed_with_the_keyboard(
    page: Page, voice: Locator, offsets: list[int], slow: Slow, long_voice: Path
) -> None:
    page.goto("/")
    slow(page)
    choose(page, long_voice)
    button = voice.locator(".pause")
    expect(button).to_have_accessible_name("Pause the upload of the voice")
    half_way(page)
    button.press("Enter")
    expect(voice.locator(".doing")).to_have_text("Paused")
    expect(voice.get_by_role("status")).to_have_text("Paused")
    expect(button).to_have_accessible_name("Resume the upload of the voice")
    expect(button).to_be_focused()
    before = len(offsets)
    button.press("Space")
    arrived(voice)
    assert offsets[before] > 0.3 * long_voice.stat().st_size
    expect(voice.get_by_role("button", name="Choose another voice")).to_be_focused()


def test_animate_goes_on_with_what_was_paused(
    page: Page, slow: Slow, long_voice: Path, two_faces: Path
) -> None:
    page.goto("/")
    page.locator("input#source").set_input_files(two_faces)
    slow(page)
    choose(page, long_voice)
    page.get_by_role("button", name="Pause the upload of the voice").click()
    page.get_by_label("I may use this face and this voice").check()
    page.get_by_role("button", name="Animate").click()
    page.wait_for_url("**/jobs/*", timeout=WORK)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Cancelled")


def test_after_a_reload_the_same_file_goes_on(
    page: Page, voice: Locator, offsets: list[int], slow: Slow, long_voice: Path
) -> None:
    page.goto("/")
    slow(page)
    choose(page, long_voice)
    half_way(page)
    page.reload()
    line = voice.locator(".unfinished")
    expect(line).to_contain_text("% of “Long story.wav” arrived before.")
    before = len(offsets)
    choose(page, long_voice)
    arrived(voice)
    assert offsets[before] >= PIECE
    expect(line).to_be_hidden()
    page.reload()
    expect(line).to_be_hidden()


def test_it_goes_on_by_itself_when_the_network_is_back(
    page: Page, voice: Locator, slow: Slow, long_voice: Path
) -> None:
    page.goto("/")
    slow(page)
    choose(page, long_voice)
    half_way(page)
    page.context.set_offline(True)
    expect(voice.locator(".doing")).to_have_text("Waiting for the connection")
    page.context.set_offline(False)
    arrived(voice)


def test_who_does_not_want_to_wait_tries_at_once(
    page: Page, voice: Locator, offsets: list[int], long_voice: Path
) -> None:
    page.clock.install()  # no time passes, so nothing is tried again by itself
    page.goto("/")
    page.route("**/transfers/*", lambda route: route.abort())
    choose(page, long_voice)
    expect(voice.locator(".doing")).to_have_text("Waiting for the connection")
    page.unroute("**/transfers/*")
    voice.get_by_role("button", name="Try now").click()
    arrived(voice)
    assert offsets == [0, 0, PIECE, 2 * PIECE, 3 * PIECE]


def test_what_the_server_forgot_is_sent_anew(
    page: Page, voice: Locator, offsets: list[int], slow: Slow, long_voice: Path
) -> None:
    page.goto("/")
    slow(page)
    choose(page, long_voice)
    half_way(page)
    voice.get_by_role("button", name="Pause").click()
    expect(voice.locator(".doing")).to_have_text("Paused")
    page.evaluate(
        """async () => {
            const [{ place }] = JSON.parse(localStorage.unfinished);
            await fetch(place, { method: 'DELETE', headers: { 'Tus-Resumable': '1.0.0' } });
        }"""
    )
    before = len(offsets)
    voice.get_by_role("button", name="Resume").click()
    arrived(voice)
    assert offsets[before:] == [0, PIECE, 2 * PIECE, 3 * PIECE]


def test_a_file_that_changes_meanwhile_is_not_mixed(
    page: Page, voice: Locator, slow: Slow, long_voice: Path, tmp_path: Path
) -> None:
    edited = tmp_path / "edited.wav"
    edited.write_bytes(long_voice.read_bytes())
    page.goto("/")
    slow(page)
    choose(page, edited)
    half_way(page)
    voice.get_by_role("button", name="Pause").click()
    expect(voice.locator(".doing")).to_have_text("Paused")
    edited.write_bytes(long_voice.read_bytes()[:-1000])
    voice.get_by_role("button", name="Resume").click()
    expect(voice.get_by_role("alert")).to_contain_text("The file was changed or moved")


def test_another_file_takes_the_place_of_one_that_is_under_way(
    page: Page, voice: Locator, slow: Slow, long_voice: Path, short_voice: Path
) -> None:
    page.goto("/")
    slow(page)
    choose(page, long_voice)
    half_way(page)
    with page.expect_request(lambda request: request.method == "DELETE"):
        choose(page, short_voice)
    expect(voice.locator(".about")).to_have_text("sound, 0.6 s")
    assert page.evaluate("localStorage.unfinished") == "[]"


@pytest.mark.parametrize("width", [320, 390])
def test_on_a_phone_nothing_hangs_over_the_side(
    page: Page, voice: Locator, slow: Slow, long_voice: Path, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 740})
    page.goto("/")
    slow(page)
    choose(page, long_voice)
    half_way(page)
    button = voice.get_by_role("button", name="Pause")
    box = button.bounding_box()
    assert box is not None
    assert box["height"] >= 44
    button.click()
    expect(voice.locator(".doing")).to_have_text("Paused")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
