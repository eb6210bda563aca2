"""Several people who speak: in one photograph, in a video, and one job after the other."""

import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest
from playwright.sync_api import Page, expect

from media.pictures import read_picture
from media.video import VideoWriter

pytestmark = pytest.mark.browser

WORK = 240_000  # milliseconds that finding faces and rendering may take on a busy machine
RATE = Fraction(25)

Give = Callable[..., None]
Change = Callable[[Path, Path, list[float]], float]


@pytest.fixture(scope="module")
def one_leaves(tmp_path_factory: pytest.TempPathFactory, two_faces: Path) -> Path:
    """A video of the two, 1.6 s long; the right one is gone in the second half."""
    both = read_picture(two_faces)
    alone = both.copy()
    alone[:, 320:] = (120, 160, 220)
    path = tmp_path_factory.mktemp("videos") / "One leaves.mp4"
    with VideoWriter(path, 640, 300, RATE) as writer:
        for number in range(40):
            writer.write(both if number < 20 else alone)
    return path


@pytest.fixture(scope="module")
def other_voice(tmp_path_factory: pytest.TempPathFactory, short_voice: Path) -> Path:
    path = tmp_path_factory.mktemp("voices") / "answer.wav"
    path.write_bytes(short_voice.read_bytes())
    return path


def ready(page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text("Your video is ready", timeout=WORK)


def asked(page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text("Who speaks?", timeout=WORK)


def download(page: Page) -> Path:
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    return download.value.path()


def test_two_in_one_photograph_talk_to_each_other(
    page: Page, give: Give, change: Change, two_faces: Path, short_voice: Path, other_voice: Path
) -> None:
    give(two_faces, short_voice, other_voice)
    asked(page)
    expect(page.locator(".question")).to_contain_text("Who speaks “voice.wav”?")
    page.keyboard.press("Enter")
    expect(page.locator(".question")).to_contain_text("Who speaks “answer.wav”?")
    expect(page.get_by_role("radio", name="Person 2")).to_be_focused()
    page.keyboard.press("Enter")
    ready(page)
    job = page.request.get(page.url.replace("/jobs/", "/api/v1/jobs/")).json()
    assert [(each["person"], each["start"]) for each in job["voices"]] == [(1, 0), (2, 0.6)]
    result = download(page)
    assert all(change(result, two_faces, each["box"]) > 10 for each in job["persons"])
    with av.open(str(result)) as video:
        assert video.streams.video[0].frames == 30
    page.get_by_role("link", name="Same again").click()
    expect(page.locator("[data-role=voice] .waveform")).to_have_count(2)
    assert page.evaluate("scrollY") == 0  # at the beginning, not at the voice that came last


def test_a_video_is_looked_through_and_says_who_was_out_of_sight(
    page: Page, give: Give, one_leaves: Path, short_voice: Path, other_voice: Path
) -> None:
    give(one_leaves, short_voice, other_voice, short_voice)
    asked(page)
    faces = page.locator(".person-overlay .face")
    expect(faces).to_have_count(2)
    expect(page.locator(".faces .times").first).to_have_text("0:00–0:02, seen 100 %")
    moment = page.get_by_label("Look through the video")
    moment.focus()
    page.keyboard.press("End")
    expect(faces).to_have_count(1)
    expect(moment).to_have_attribute("aria-valuetext", re.compile(r"^0:01\.\d, Person 1$"))
    page.keyboard.press("Home")
    expect(faces).to_have_count(2)
    expect(moment).to_have_attribute("aria-valuetext", "0:00.0, Person 1, 2")
    page.keyboard.press("End")
    expect(faces).to_have_count(1)
    page.get_by_role("radio", name="Person 2").check()
    expect(page.locator(".face.chosen")).to_have_text("2")  # a moment in which she is there
    for voice in ("voice.wav", "answer.wav"):
        page.get_by_label(f"Who speaks “{voice}”").last.select_option("Person 1")
    page.get_by_role("button", name="Animate them").click()
    ready(page)
    expect(page.locator(".not-animated")).to_contain_text("Person 2 is out of sight here")
    expect(page.locator(".not-animated .bar")).to_have_count(1)
    page.locator(".not-animated .moment").first.click()
    assert page.locator("video").evaluate("video => video.currentTime") >= 0.7


def test_another_person_joins_in_a_finished_video(
    page: Page, give: Give, change: Change, two_faces: Path, short_voice: Path, other_voice: Path
) -> None:
    give(two_faces, short_voice)
    asked(page)
    page.keyboard.press("Enter")
    ready(page)
    page.get_by_role("link", name="Animate another person").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Animate another person")
    expect(page.get_by_text("video, 640 × 300")).to_be_visible()
    expect(page.get_by_label("Keep the video’s own sound")).to_be_checked()
    ends = page.get_by_label("When the video is shorter or longer")
    expect(ends).to_have_value("silence")
    page.get_by_label("Choose a file or drop a recording").set_input_files(other_voice)
    expect(page.get_by_text("sound, 0.6 s")).to_be_visible()
    page.get_by_label("Starts at second").fill("0.2")
    expect(ends).to_have_value("freeze")  # for what is spoken ends later than the video
    page.get_by_label("I may use this face and this voice").check()
    page.get_by_role("button", name="Animate").click()
    asked(page)
    expect(page.get_by_role("radio", name="Person 1")).not_to_be_checked()
    expect(page.locator(".faces label").first).to_contain_text("Speaks already: voice.wav")
    expect(page.locator(".overwrites")).to_be_hidden()
    page.get_by_role("radio", name="Person 1").check()
    expect(page.locator(".overwrites")).to_contain_text("“voice.wav” will still be heard")
    page.get_by_role("radio", name="Person 2").check()
    expect(page.locator(".overwrites")).to_be_hidden()
    page.get_by_role("button", name="Animate this person").click()
    ready(page)
    job = page.request.get(page.url.replace("/jobs/", "/api/v1/jobs/")).json()
    assert job["options"]["overlay"]
    assert [(each["person"], each["start"]) for each in job["voices"]] == [(2, 0.2)]
    result = download(page)
    assert all(change(result, two_faces, each["box"]) > 10 for each in job["persons"])
    with av.open(str(result)) as video:
        assert video.streams.video[0].frames == 20
