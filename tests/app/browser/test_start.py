"""The start page tells what is wrong beside the field, before a job is made."""

import base64
import re
from pathlib import Path

import av
import numpy as np
import pytest
from playwright.sync_api import Page, Route, expect

from app.sample import sample_face
from media.sample import VOICE

pytestmark = pytest.mark.browser


def test_options_are_remembered_and_kept_under_names(page: Page) -> None:
    page.goto("/")
    page.get_by_text("More options").click()
    page.get_by_label("How far the mouth moves").fill("1.3")
    page.get_by_label("Name for these options").fill("Clear")
    page.get_by_role("button", name="Keep").click()
    preset = page.get_by_label("Options", exact=True)
    expect(preset.locator("option:checked")).to_have_text("Clear")
    page.get_by_label("How far the mouth moves").fill("0.7")
    page.get_by_role("button", name="Animate").click()  # files are missing; the options are noted
    page.reload()
    page.get_by_text("More options").click()
    expect(page.get_by_label("How far the mouth moves")).to_have_value("0.7")
    expect(preset.locator("option")).to_have_text(["As usual", "As last time", "Clear"])
    preset.select_option("Clear")
    expect(page.get_by_label("How far the mouth moves")).to_have_value("1.3")
    page.get_by_role("button", name="Forget").click()
    expect(preset.locator("option")).to_have_text(["As usual", "As last time"])
    preset.select_option("As usual")
    expect(page.get_by_label("How far the mouth moves")).to_have_value("1")


@pytest.fixture
def start(page: Page) -> Page:
    page.goto("/")
    return page


def choose(page: Page, role: str, path: Path) -> None:
    page.locator(f"input#{role}").set_input_files(path)


def test_a_chosen_file_is_shown_and_looked_at(start: Page) -> None:
    choose(start, "source", sample_face())
    choose(start, "voice", VOICE)
    expect(start.get_by_alt_text("The chosen picture")).to_be_visible()
    expect(start.locator("audio")).to_be_visible()
    expect(start.locator(".waveform")).to_be_visible()
    expect(start.get_by_text("picture, 512 × 512")).to_be_visible()
    expect(start.get_by_text("sound, 5.0 s")).to_be_visible()


def test_a_video_of_a_telephone_shows_its_first_picture(start: Page, tmp_path: Path) -> None:
    """HEVC: Chromium plays the sound of such a file, and no picture."""
    film = tmp_path / "IMG_1.mov"
    with av.open(str(film), "w") as output:
        video = output.add_stream("libx265", rate=25, options={"x265-params": "log-level=none"})
        video.width, video.height, video.pix_fmt = 320, 240, "yuv420p"
        sound = output.add_stream("aac", rate=48000, layout="mono")
        for _ in range(5):
            output.mux(video.encode(av.VideoFrame(320, 240, "yuv420p")))
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 9600), np.float32), "fltp", "mono")
        silence.sample_rate = 48000
        for stream, frame in ((sound, silence), (video, None), (sound, None)):
            output.mux(stream.encode(frame))
    choose(start, "source", film)
    poster = start.get_by_alt_text("The chosen picture, or the first of the video")
    expect(poster).to_be_visible()
    assert poster.evaluate("image => image.decode().then(() => image.naturalWidth)") == 320
    expect(start.locator("video")).to_have_count(0)


def test_a_file_that_is_chosen_before_the_script_has_come_is_taken_too(page: Page) -> None:
    held: list[Route] = []
    page.route("**/start.js", lambda route: held.append(route))
    page.goto("/", wait_until="commit")
    choose(page, "source", sample_face())
    (script,) = held
    script.continue_()
    expect(page.get_by_text("picture, 512 × 512")).to_be_visible()


def test_the_button_is_held_until_the_next_page_has_come(start: Page) -> None:
    start.evaluate(
        """() => addEventListener('pagehide', () => {
            sessionStorage.held = document.querySelector('#sample button').disabled;
        })"""
    )
    start.get_by_role("button", name="Try the sample").click()
    start.wait_for_url(re.compile(r"/jobs/[0-9a-f]{32}$"))
    assert start.evaluate("sessionStorage.held") == "true"


def test_what_is_missing_is_named_and_gets_the_focus(start: Page) -> None:
    start.get_by_role("button", name="Animate").click()
    expect(start.get_by_text("There is no face yet.")).to_be_visible()
    expect(start.get_by_text("There is no voice yet.")).to_be_visible()
    expect(start.get_by_text("Please confirm this first.")).to_be_visible()
    expect(start.locator("input#source")).to_be_focused()


def test_a_text_file_called_mp4_is_refused_beside_the_face(start: Page, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_text("this is not a film\n" * 50)
    choose(start, "source", path)
    expect(start.locator("#source-error")).to_contain_text("cannot be read")
    expect(start.locator("#voice-error")).to_be_hidden()
    start.get_by_role("button", name="Animate").click()
    expect(start.locator("#voice-error")).to_contain_text("no voice yet")
    expect(start.locator("#source-error")).to_contain_text("cannot be read")
    expect(start.locator("input#source")).to_have_attribute("aria-invalid", "true")


def test_a_sound_is_no_face_and_a_picture_no_voice(start: Page) -> None:
    choose(start, "source", VOICE)
    expect(start.locator("#source-error")).to_contain_text("A sound was given as the face")
    choose(start, "voice", sample_face())
    expect(start.locator("#voice-error")).to_contain_text("A picture was given as the voice")


def test_another_file_takes_the_place_of_a_wrong_one(start: Page) -> None:
    choose(start, "source", VOICE)
    expect(start.locator("#source-error")).to_be_visible()
    choose(start, "source", sample_face())
    expect(start.locator("#source-error")).to_be_hidden()
    expect(start.get_by_text("picture, 512 × 512")).to_be_visible()


def test_the_keyboard_reaches_everything(start: Page) -> None:
    reached = []
    for _ in range(14):
        start.keyboard.press("Tab")
        reached.append(
            start.evaluate("document.activeElement.id || document.activeElement.textContent.trim()")
        )
    assert reached == [
        "Skip to the content",
        "Mouth Animation",
        "New",
        "My videos",
        "Try the sample",
        "source",
        "voice",
        "Record your voice",
        "add-voice",
        "More options",
        "consent",
        "Animate",
        "System",
        "API",
    ]


def test_another_voice_starts_when_the_one_before_it_ends(start: Page) -> None:
    expect(start.locator("#voice-start")).to_be_hidden()
    choose(start, "voice", VOICE)
    start.get_by_role("button", name="Add another voice").click()
    expect(start.locator("input#voice-2")).to_be_focused()
    choose(start, "voice-2", VOICE)
    second = start.get_by_role("region", name="Voice 2")
    expect(second.get_by_label("Starts at second")).to_have_attribute("placeholder", "5.035")
    start.get_by_label("Starts at second").first.fill("1.5")
    expect(second.get_by_label("Starts at second")).to_have_attribute("placeholder", "6.535")
    second.get_by_label("Starts at second").fill("-1")
    start.get_by_role("button", name="Animate").click()
    expect(second.get_by_role("alert")).to_contain_text("This start time cannot be used.")
    second.get_by_role("button", name="Remove this voice").click()
    expect(second).to_have_count(0)
    expect(start.locator("input#voice-2")).to_have_count(0)
    expect(start.locator("#voice-start")).to_be_hidden()


def test_a_wrong_padding_opens_the_options_and_is_named(start: Page) -> None:
    start.get_by_text("More options").click()
    start.get_by_label("Chin padding").fill("-3")
    start.get_by_text("More options").click()
    start.get_by_role("button", name="Animate").click()
    expect(start.locator("#chin-error")).to_be_visible()


@pytest.mark.parametrize(
    ("path", "kind", "role", "event"),
    [
        (sample_face(), "image/png", "source",
         "new ClipboardEvent('paste', { clipboardData: data, bubbles })"),
        (VOICE, "audio/mpeg", "voice",
         "new DragEvent('drop', { dataTransfer: data, bubbles })"),
    ],
)  # fmt: skip
def test_what_is_pasted_or_dropped_anywhere_finds_its_place(
    start: Page, path: Path, kind: str, role: str, event: str
) -> None:
    start.evaluate(
        f"""([text, name, type]) => {{
            const content = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
            const [data, bubbles] = [new DataTransfer(), true];
            data.items.add(new File([content], name, {{ type }}));
            document.body.dispatchEvent({event});
        }}""",
        [base64.b64encode(path.read_bytes()).decode(), path.name, kind],
    )
    expect(start.locator(f"[data-role={role}] .facts")).to_contain_text(path.name)
