"""Every page, in every dress, held against WCAG 2.2 AA by axe-core."""

import dataclasses
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect
from werkzeug.serving import make_server

from app import create_app
from jobs.settings import from_environment

pytestmark = pytest.mark.browser

WORK = 240_000
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
DRESSES: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True},
    # 1280 pixels at 200 % zoom are 640 of the page's own.
    "zoomed": {"viewport": {"width": 640, "height": 400}, "device_scale_factor": 2},
}


@pytest.fixture(scope="module")
def visited(
    browser: Browser, base_url: str, two_faces: str, short_voice: str
) -> tuple[Any, dict[str, str]]:
    """A visitor's cookies, and the addresses of pages in all states that stand still."""
    context = browser.new_context(base_url=base_url)
    page = context.new_page()
    page.goto("/")
    page.get_by_role("button", name="Try the sample").click()
    page.wait_for_url(re.compile(r"/jobs/[0-9a-f]{32}$"))
    done = page.url
    expect(page.get_by_role("heading", level=1)).to_have_text("Your video is ready", timeout=WORK)

    page.goto("/")
    page.get_by_label("Choose a file or drop a picture").set_input_files(two_faces)
    page.get_by_label("Choose a file or drop a recording").set_input_files(short_voice)
    page.get_by_label("I may use this face and this voice").check()
    page.get_by_role("button", name="Animate").click()
    page.wait_for_url(re.compile(r"/jobs/[0-9a-f]{32}$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Who speaks?", timeout=WORK)
    choosing = page.url

    page.goto("/")
    page.get_by_role("button", name="Try the sample").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Cancelled")
    stopped = page.url

    api = done.replace("/jobs/", "/api/v1/jobs/")
    shared = page.request.post(f"{api}/share", data={}).json()
    state = context.storage_state()
    context.close()
    places = {
        "start": "/",
        "done": done,
        "choosing": choosing,
        "stopped": stopped,
        "another person": f"/?video={done.rpartition('/')[2]}",
        "same again": f"/?again={done.rpartition('/')[2]}",
        "my videos": "/jobs",
        "shared": shared["shared"],
        "system": "/system",
        "API": "/api",
        "not found": "/jobs/none",
    }
    return state, places


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a site that asks for a password; nobody works behind its pages."""
    folder = tmp_path_factory.mktemp("locked")
    settings = dataclasses.replace(from_environment(), var_dir=folder, site_password="open up")
    server = make_server("127.0.0.1", 0, create_app(settings), threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(params=DRESSES)
def dressed(
    request: pytest.FixtureRequest, browser: Browser, base_url: str, visited: Any
) -> Iterator[BrowserContext]:
    context = browser.new_context(
        base_url=base_url, storage_state=visited[0], **DRESSES[request.param]
    )
    yield context
    context.close()


def test_no_page_breaks_a_rule_or_sticks_out(dressed: BrowserContext, visited: Any) -> None:
    page = dressed.new_page()
    for name, place in visited[1].items():
        page.goto(place, wait_until="networkidle")
        assert problems(page) == [], name
        assert sticks_out(page) <= 0, name
        with resized(page, 320):  # WCAG 1.4.10: as wide as 1280 pixels are at 400 % zoom
            assert sticks_out(page) <= 0, name


def test_an_opened_page_breaks_none(dressed: BrowserContext, visited: Any) -> None:
    page = dressed.new_page()
    page.goto(visited[1]["done"])
    page.get_by_role("button", name="Compare with the original").click()
    page.get_by_text("How this was made, and what the file says of itself").click()
    expect(page.get_by_text("Yes, since this program signed it")).to_be_visible()
    expect(page.locator(".voice-timeline svg")).to_be_visible()
    assert problems(page) == []
    assert sticks_out(page) <= 0


@pytest.mark.parametrize("dress", DRESSES)
def test_the_question_for_the_password_breaks_none(
    browser: Browser, locked: str, dress: str
) -> None:
    context = browser.new_context(base_url=locked, **DRESSES[dress])
    page = context.new_page()
    page.goto("/jobs")
    expect(page.get_by_label("Password")).to_be_focused()
    assert problems(page) == []
    page.get_by_label("Password").fill("a guess")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("This is not the password.")
    assert problems(page) == []
    assert sticks_out(page) <= 0
    context.close()


def test_an_upload_that_rests_breaks_none(
    dressed: BrowserContext, slow: Callable[[Page], None], long_voice: Path
) -> None:
    page = dressed.new_page()
    page.goto("/")
    slow(page)
    page.locator("input#voice").set_input_files(long_voice)
    page.get_by_role("button", name="Pause the upload of the voice").click()
    doing = page.locator("[data-role=voice] .doing")
    expect(doing).to_have_text("Paused")
    assert problems(page) == []
    page.route("**/transfers/*", lambda route: route.abort())
    page.get_by_role("button", name="Resume the upload of the voice").click()
    expect(doing).to_have_text("Waiting for the connection")
    assert problems(page) == []
    page.reload()
    expect(page.locator("[data-role=voice] .unfinished")).to_be_visible()
    assert problems(page) == []


def test_somebody_else_has_an_empty_list_without_a_fault(page: Page) -> None:
    page.goto("/jobs")
    expect(page.get_by_text("Nothing here yet")).to_be_visible()
    assert problems(page) == []


@contextmanager
def resized(page: Page, width: int) -> Iterator[None]:
    """A window that is narrower for a while."""
    size = page.viewport_size
    assert size is not None
    page.set_viewport_size({"width": width, "height": size["height"]})
    yield
    page.set_viewport_size(size)


def sticks_out(page: Page) -> int:
    """Pixels by which the page is wider than its window."""
    wide: int = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return wide


def problems(page: Page) -> list[str]:
    """What axe finds wrong, one line a place."""
    found = Axe().run(page, options=RULES).response["violations"]
    return [
        f"{rule['id']}: {node['target']} {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"]
    ]
