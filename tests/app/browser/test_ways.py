"""The whole way from the start page to the download, as different people go it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

pytestmark = pytest.mark.browser

WORK = 240_000


@pytest.fixture
def phone(browser: Browser, base_url: str) -> Iterator[Page]:
    context = browser.new_context(
        base_url=base_url,
        viewport={"width": 390, "height": 760},
        device_scale_factor=3,
        is_mobile=True,
        has_touch=True,
    )
    page = context.new_page()
    page.set_default_timeout(15_000)
    yield page
    context.close()


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab as somebody does who looks where the focus is."""
    for _ in range(40):
        if target.evaluate("(element) => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    expect(target).to_be_focused()


def choose_by_key(page: Page, field: Locator, file: Path) -> None:
    tab_to(page, field)
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    chooser.value.set_files(file)


def test_with_the_keyboard_alone(page: Page, two_faces: Path, short_voice: Path) -> None:
    # Asked for all the time: each request alone may come to the browser later than the key.
    page.on("filechooser", lambda _: None)
    page.goto("/")
    choose_by_key(page, page.get_by_label("Choose a file or drop a picture"), two_faces)
    choose_by_key(page, page.get_by_label("Choose a file or drop a recording"), short_voice)
    tab_to(page, page.get_by_label("I may use this face and this voice"))
    page.keyboard.press("Space")
    tab_to(page, page.get_by_role("button", name="Animate"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Who speaks?", timeout=WORK)
    tab_to(page, page.get_by_role("radio", name="Person 1"))
    page.keyboard.press("ArrowRight")
    tab_to(page, page.get_by_role("button", name="Animate this person"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your video is ready", timeout=WORK)
    tab_to(page, page.get_by_role("link", name="Download"))
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.suggested_filename == "Two of us-talking.mp4"
    job = page.request.get(page.url.replace("/jobs/", "/api/v1/jobs/")).json()
    assert [voice["person"] for voice in job["voices"]] == [2]


def test_with_a_thumb_on_a_phone(phone: Page, two_faces: Path, short_voice: Path) -> None:
    phone.goto("/")
    phone.get_by_label("Choose a file or drop a picture").set_input_files(two_faces)
    phone.get_by_label("Choose a file or drop a recording").set_input_files(short_voice)
    phone.get_by_label("I may use this face and this voice").tap()
    phone.get_by_role("button", name="Animate").tap()
    phone.wait_for_url(re.compile(r"/jobs/[0-9a-f]{32}$"))
    phone.locator(".person-overlay .face", has_text="2").tap(timeout=WORK)
    expect(phone.get_by_role("radio", name="Person 2")).to_be_checked()
    phone.get_by_role("button", name="Animate this person").tap()
    expect(phone.get_by_role("heading", level=1)).to_have_text("Your video is ready", timeout=WORK)
    player = phone.locator(".player").bounding_box()
    assert player is not None
    assert player["x"] >= 0
    assert player["x"] + player["width"] <= 390
    with phone.expect_download() as download:
        phone.get_by_role("link", name="Download").tap()
    assert download.value.suggested_filename == "Two of us-talking.mp4"
