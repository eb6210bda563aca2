"""Everything a visitor can do with JavaScript switched off."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser

WORK = 240_000


@pytest.fixture
def plain(browser: Browser, base_url: str) -> Iterator[Page]:
    context = browser.new_context(base_url=base_url, java_script_enabled=False)
    page = context.new_page()
    page.set_default_timeout(15_000)
    yield page
    context.close()


def test_a_face_is_chosen_and_its_video_downloaded_and_deleted(
    plain: Page,
    change: Callable[[Path, Path, list[float]], float],
    two_faces: Path,
    short_voice: Path,
) -> None:
    plain.goto("/")
    face = plain.get_by_label("Choose a file or drop a picture")
    face.set_input_files(two_faces)
    expect(face).to_have_css("opacity", "1")  # the browser's own field, which names the file
    plain.get_by_label("Choose a file or drop a recording").set_input_files(short_voice)
    plain.get_by_label("I may use this face and this voice").check()
    plain.get_by_role("button", name="Animate").click()
    plain.wait_for_url(re.compile(r"/jobs/[0-9a-f]{32}$"))
    expect(plain.get_by_role("heading", level=1)).to_have_text("Who speaks?", timeout=WORK)
    plain.get_by_role("radio", name="Person 2").check()
    plain.get_by_role("button", name="Animate").click()
    expect(plain.get_by_role("heading", level=1)).to_have_text("Your video is ready", timeout=WORK)

    address = plain.url.replace("/jobs/", "/api/v1/jobs/")
    boxes = [person["box"] for person in plain.request.get(address).json()["persons"]]
    with plain.expect_download() as download:
        plain.get_by_role("link", name="Download").click()
    left, right = (change(download.value.path(), two_faces, box) for box in boxes)
    assert right > 3 * left

    plain.locator("summary", has_text="Delete").click()
    plain.get_by_role("button", name="Delete this video").click()
    plain.wait_for_url("**/jobs")
    expect(plain.get_by_text("Nothing here yet")).to_be_visible()
    expect(plain.get_by_text("“Two of us.png” is deleted.")).to_be_visible()


def test_a_running_job_is_cancelled_and_tried_once_more(plain: Page) -> None:
    plain.goto("/")
    plain.get_by_role("button", name="Try the sample").click()
    plain.wait_for_url(re.compile(r"/jobs/[0-9a-f]{32}$"))
    plain.get_by_role("button", name="Cancel").click()
    expect(plain.get_by_role("heading", level=1)).to_have_text("Cancelled")
    plain.get_by_role("button", name="Try once more").click()
    expect(plain.get_by_role("heading", level=1)).to_have_text("Your video is ready", timeout=WORK)


def test_all_that_ended_is_deleted_at_once(plain: Page) -> None:
    for _ in range(2):
        plain.goto("/")
        plain.get_by_role("button", name="Try the sample").click()
        plain.get_by_role("button", name="Cancel").click()
        expect(plain.get_by_role("heading", level=1)).to_have_text("Cancelled")
    plain.goto("/jobs")
    plain.get_by_role("link", name="Ready").click()
    expect(plain.get_by_text("None of your videos is among these")).to_be_visible()
    plain.get_by_role("link", name="Stopped").click()
    expect(plain.locator("li", has_text="astronaut.png")).to_have_count(2)
    expect(plain.locator("li").first).to_contain_text("kB")
    plain.get_by_text("Delete all that have ended").click()
    plain.get_by_role("button", name="Delete them all").click()
    expect(plain.get_by_text("Nothing here yet")).to_be_visible()


def test_what_is_missing_is_said_on_a_page(plain: Page, two_faces: Path) -> None:
    """A browser holds back an empty form by itself; a program, or an old browser, does not."""
    plain.goto("/")
    token = plain.locator("#start [name=form_token]").get_attribute("value")
    answer = plain.request.post(
        "/jobs",
        multipart={
            "form_token": token or "",
            "source": {
                "name": "two.png",
                "mimeType": "image/png",
                "buffer": two_faces.read_bytes(),
            },
        },
    )
    assert answer.status == 400
    assert "voice" in answer.text()
