"""What a visitor does with a finished video besides downloading it."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser

WORK = 240_000


@pytest.fixture
def finished(page: Page) -> Page:
    page.goto("/")
    page.get_by_role("button", name="Try the sample").click()
    page.wait_for_url(re.compile(r"/jobs/[0-9a-f]{32}$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Your video is ready", timeout=WORK)
    return page


def test_the_result_can_be_compared_explained_shared_and_made_again(
    finished: Page, browser: Browser
) -> None:
    page = finished
    first = page.url

    page.get_by_role("button", name="Compare with the original").click()
    original = page.get_by_role("img", name="The picture as it was given")
    expect(original).to_be_visible()
    assert original.evaluate("async (image) => (await image.decode(), image.naturalWidth)") == 512
    page.get_by_role("button", name="Compare with the original").click()
    expect(original).to_be_hidden()

    page.get_by_text("How this was made, and what the file says of itself").click()
    facts = page.locator(".made-of")
    expect(facts).to_contain_text("Yes, since this program signed it")
    expect(facts).to_contain_text("on no trust list")
    expect(facts).to_contain_text("Made from: voice 1")
    expect(facts).to_contain_text("Time to move the mouth")
    expect(facts.locator(".command code")).to_have_text(
        "mouth animate astronaut.png hello.mp3 --checkpoint compact"
    )
    expect(facts.locator(".request code")).to_contain_text("/api/v1/jobs")

    page.get_by_text("Share a link").click()
    page.get_by_role("button", name="Make a link").click()
    link = page.get_by_label("The link")
    expect(link).to_have_value(re.compile(r"/shared/[\w-]{43}$"))
    others = browser.new_context().new_page()
    others.goto(link.input_value())
    others.locator("video").evaluate(until("video.readyState >= 2"))
    page.get_by_role("button", name="Withdraw it").click()
    expect(link).to_be_hidden()
    others.reload()
    expect(others.get_by_text("There is no such page")).to_be_visible()
    others.context.close()

    page.context.set_offline(True)  # what cannot be done is said beside the button
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator(".result > .error")).to_contain_text("The server cannot be reached.")
    page.context.set_offline(False)

    page.get_by_role("link", name="Same again with other options").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Same again")
    expect(page.get_by_text("astronaut.png")).to_be_visible()
    expect(page.get_by_text("hello.mp3")).to_be_visible()
    expect(page.locator("[data-role=voice] .waveform")).to_be_visible()
    page.get_by_label("Mark the video as made by a machine").select_option("Nowhere")
    page.get_by_label("I may use this face and this voice").check()
    page.get_by_role("button", name="Animate").click()
    page.wait_for_url(re.compile(r"/jobs/[0-9a-f]{32}$"))
    assert page.url != first
    job = page.request.get(page.url.replace("/jobs/", "/api/v1/jobs/")).json()
    assert job["options"]["badge"] == "none"
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Cancelled")


def test_the_original_of_a_video_follows_the_result(
    page: Page, short_voice: str, moving_face: str
) -> None:
    page.goto("/")
    page.get_by_label("Choose a file or drop a picture").set_input_files(moving_face)
    page.get_by_label("Choose a file or drop a recording").set_input_files(short_voice)
    page.get_by_label("I may use this face and this voice").check()
    page.get_by_role("button", name="Animate").click()
    page.wait_for_url(re.compile(r"/jobs/[0-9a-f]{32}$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Your video is ready", timeout=WORK)
    page.get_by_role("button", name="Compare with the original").click()
    original = page.locator(".original video")
    original.evaluate(until("video.readyState >= 2"))
    # The original lasts 0.4 seconds and goes there and back: 0.5 s of the result show 0.3 s of it.
    page.locator(".player").evaluate("(player) => { player.currentTime = 0.5; }")
    original.evaluate(until("Math.abs(video.currentTime - 0.3) < 0.05"))


def until(condition: str) -> str:
    """JavaScript that waits, picture by picture, for something to be so of a video."""
    return f"""async (video) => {{
        while (!({condition})) await new Promise(requestAnimationFrame);
    }}"""
