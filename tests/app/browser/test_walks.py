"""What a visitor does, from the first page to the finished video."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import av
import pytest
from PIL import Image
from playwright.sync_api import Page, Request, expect

from app import sample

pytestmark = pytest.mark.browser

Give = Callable[..., None]
Change = Callable[[Path, Path, list[float]], float]

WORK = 240_000  # milliseconds that finding faces and rendering may take on a busy machine


@pytest.fixture(scope="module")
def lost_face(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture that no other test gives, so that its file belongs to one job alone."""
    path = tmp_path_factory.mktemp("faces") / "lost.png"
    with Image.open(sample.sample_face()) as picture:
        picture.convert("RGB").crop((70, 0, 390, 300)).save(path)
    return path


def test_one_click_on_the_sample_gives_a_video_that_plays(page: Page, tmp_path: Path) -> None:
    page.goto("/")
    page.get_by_role("button", name="Try the sample").click()
    page.wait_for_url(re.compile(r"/jobs/[0-9a-f]{32}$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Your video is ready", timeout=WORK)
    played = page.locator("video").evaluate(
        """async (video) => {
            video.muted = true;
            await video.play();
            await new Promise((resolve) => video.addEventListener('timeupdate', () => {
                if (video.currentTime > 0.2) resolve();
            }));
            return [video.videoWidth, video.videoHeight, video.duration];
        }"""
    )
    assert played[:2] == [512, 512]
    assert played[2] == pytest.approx(5.04, abs=0.1)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "astronaut-talking.mp4"
    with av.open(str(download.value.path())) as video:
        assert video.streams.video[0].codec.name == "h264"
        assert video.streams.audio[0].codec.name == "aac"


def test_who_looks_elsewhere_is_told_by_title_and_notification(page: Page) -> None:
    page.context.grant_permissions(["notifications"])
    page.add_init_script(
        """
        Object.defineProperty(document, 'visibilityState', { get: () => 'hidden' });
        window.told = [];
        window.Notification = new Proxy(Notification, {
            construct: (real, words) => (told.push(words[0]), new real(...words)),
        });
        """
    )
    page.clock.install()
    page.goto("/")
    page.get_by_role("button", name="Try the sample").click()
    page.wait_for_url(re.compile(r"/jobs/[0-9a-f]{32}$"))
    expect(page.get_by_text("You will be told when it is ready")).to_be_visible()
    page.request.post(page.url.replace("/jobs/", "/api/v1/jobs/") + "/cancel", data={})
    page.clock.fast_forward(5000)
    expect(page).to_have_title("Cancelled · astronaut.png")
    assert page.evaluate("told") == ["Cancelled"]


def test_the_chosen_face_alone_moves(
    page: Page, give: Give, change: Change, two_faces: Path, short_voice: Path
) -> None:
    give(two_faces, short_voice)
    expect(page.get_by_role("heading", level=1)).to_have_text("Who speaks?", timeout=WORK)
    expect(page.locator(".person-overlay .face")).to_have_count(2)
    first = page.get_by_role("radio", name="Person 1")
    expect(first).to_be_checked()
    first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="Person 2")).to_be_checked()
    expect(page.locator(".portrait figcaption")).to_have_text("Person 2 of 2")
    expect(page.locator(".face.chosen")).to_have_text("2")
    answers: list[Request] = []
    page.on("request", lambda request: request.method == "PUT" and answers.append(request))
    page.locator(".picker").evaluate("(form) => { form.requestSubmit(); form.requestSubmit(); }")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your video is ready", timeout=WORK)
    assert len(answers) == 1
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "Two of us-talking.mp4"
    job = page.request.get(page.url.replace("/jobs/", "/api/v1/jobs/")).json()
    left, right = (change(download.value.path(), two_faces, each["box"]) for each in job["persons"])
    assert right > 3 * left


def test_a_box_in_the_picture_chooses_too(
    page: Page, give: Give, two_faces: Path, short_voice: Path
) -> None:
    give(two_faces, short_voice)
    page.locator(".person-overlay .face", has_text="2").click(timeout=WORK)
    expect(page.get_by_role("radio", name="Person 2")).to_be_checked()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Cancelled")


def test_a_picture_without_a_face_says_so(
    page: Page, give: Give, no_face: Path, short_voice: Path
) -> None:
    page.route("**/faces", lambda route: route.abort())  # nothing is known before the click
    give(no_face, short_voice)
    expect(page.locator(".stopped-job .message")).to_contain_text("face", timeout=WORK)
    expect(page.locator(".stopped-job .remedy")).to_contain_text("draw a box")
    expect(page.locator(".stopped-job .remedy")).not_to_contain_text("--box")
    expect(page.get_by_role("link", name="Make another")).to_be_visible()


def test_a_running_job_can_be_cancelled_and_deleted(page: Page, tmp_path: Path) -> None:
    page.goto("/")
    page.get_by_role("button", name="Try the sample").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Cancelled")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.wait_for_url("**/jobs")
    expect(page.get_by_text("Nothing here yet")).to_be_visible()


def test_cancelling_too_late_shows_the_video_and_deleting_it_can_be_undone(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Try the sample").click()
    page.wait_for_url(re.compile(r"/jobs/[0-9a-f]{32}$"))
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    page.route("**/api/v1/jobs/*", lambda route: route.abort())  # it hears no more of its job
    job = page.url.replace("/jobs/", "/api/v1/jobs/")
    while (state := page.request.get(job).json()["state"]) != "done":
        assert state not in ("failed", "cancelled")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your video is ready")
    expect(page.get_by_text("It was ready already, so nothing was cancelled.")).to_be_visible()
    page.unroute("**/api/v1/jobs/*")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.wait_for_url("**/jobs")
    expect(page.get_by_text("“astronaut.png” is deleted.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("listitem")).to_contain_text("Your video is ready")
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)


def test_what_failed_is_tried_once_more_when_its_cause_is_gone(
    page: Page, installation: Path, short_voice: Path, lost_face: Path
) -> None:
    digest = hashlib.sha256(lost_face.read_bytes()).hexdigest()
    page.goto("/")
    page.get_by_label("Choose a file or drop a picture").set_input_files(lost_face)
    expect(page.get_by_text("picture, 320 × 300")).to_be_visible()
    (stored,) = (path for path in (installation / "var").rglob(f"{digest}*") if path.is_file())
    away = stored.rename(stored.with_name("away"))
    page.get_by_label("Choose a file or drop a recording").set_input_files(short_voice)
    page.get_by_label("I may use this face and this voice").check()
    page.get_by_role("button", name="Animate").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("This did not work", timeout=WORK)
    expect(page.locator(".stopped-job .remedy")).not_to_be_empty()
    away.rename(stored)
    page.get_by_role("button", name="Try once more").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your video is ready", timeout=WORK)


def test_what_has_ended_leaves_the_list_of_what_is_at_work(page: Page) -> None:
    page.clock.install()
    page.goto("/")
    page.get_by_role("button", name="Try the sample").click()
    page.wait_for_url(re.compile(r"/jobs/[0-9a-f]{32}$"))
    job = page.url.replace("/jobs/", "/api/v1/jobs/")
    page.goto("/jobs?show=running")
    page.request.post(f"{job}/cancel", data={})
    page.clock.fast_forward(3000)
    expect(page.get_by_text(re.compile("None of your videos|Nothing here yet"))).to_be_visible()


def test_the_list_shows_a_visitor_only_their_own_jobs(
    page: Page, give: Give, no_face: Path, short_voice: Path
) -> None:
    page.route("**/faces", lambda route: route.abort())
    give(no_face, short_voice)
    page.goto("/jobs")
    expect(page.get_by_role("listitem")).to_have_count(1)
    expect(page.get_by_role("listitem")).to_contain_text("sky.png")
    expect(page.get_by_role("listitem")).to_contain_text("This did not work", timeout=WORK)
