"""Draws docs/screenshots/: walks through the program with the sample, and looks at what is there.

Starts the program with an empty VAR_DIR of its own, or looks at the one whose address is in SERVER.
"""

import argparse
import os
import re
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import BrowserContext, Page, sync_playwright

from app import sample

HERE = Path(__file__).resolve().parent
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
DESKTOP = {"width": 1100, "height": 940}
PHONE = {"width": 390, "height": 780}
WORK = 120_000  # milliseconds that finding faces and rendering may take
SPEAKING = 0.96  # second of the sample at which the mouth is wide open
END = """Math.ceil(24 + Math.max(
    ...[...document.querySelectorAll('main *')].map((part) => part.getBoundingClientRect().bottom)
))"""


class Photographer:
    """Walks through the program at `address` and writes WebP pictures into `folder`."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address = address
        self.folder = folder

    def shoot(self, page: Page, name: str) -> None:
        """What the window shows, without the empty rest of a short page."""
        page.evaluate("scrollTo(0, 0)")
        with Image.open(BytesIO(page.screenshot(animations="disabled"))) as picture:
            end = min(picture.height, page.evaluate(END))
            shown = picture.convert("RGB").crop((0, 0, picture.width, end))
            shown.save(self.folder / f"{name}.webp", quality=82, method=6)

    def light(self, context: BrowserContext, together: Path) -> None:
        page = context.new_page()
        page.goto("/")
        self.shoot(page, "start")
        self.send(page, together, sample.VOICE)
        page.get_by_role("radio", name="Person 2").check(timeout=WORK)
        self.shoot(page, "picker")
        # Six times the sample is long enough to be looked at while it is made.
        self.send(page, sample.sample_face(), *[sample.VOICE] * 6)
        page.locator(".beginning").wait_for(timeout=WORK)
        page.locator("progress[value]").wait_for()
        self.shoot(page, "status")
        page.get_by_role("button", name="Cancel").click()
        page.get_by_role("heading", name="Cancelled").wait_for()
        page.goto("/")
        page.get_by_role("button", name="Try the sample").click()
        page.get_by_role("heading", name="Your video is ready").wait_for(timeout=WORK)
        page.get_by_role("button", name="Compare with the original").click()
        self.show_moment(page)
        self.shoot(page, "result")

    def finished(self, context: BrowserContext, result: str, name: str) -> None:
        page = context.new_page()
        page.goto(result)
        self.show_moment(page)
        self.shoot(page, name)

    def send(self, page: Page, face: Path, *voices: Path) -> None:
        page.goto("/")
        page.get_by_label("Choose a file or drop a picture").set_input_files(face)
        for place, voice in enumerate(voices):
            if place:
                page.get_by_role("button", name="Add another voice").click()
            page.get_by_label("Choose a file or drop a recording").nth(place).set_input_files(voice)
        page.get_by_label("I may use this face and this voice").check()
        page.get_by_role("button", name="Animate").click()
        page.wait_for_url(re.compile(r"/jobs/[0-9a-f]{32}$"))

    def show_moment(self, page: Page) -> None:
        page.locator(".voice-timeline svg").first.wait_for()
        page.locator(".player").evaluate(
            """async (video, second) => {
                video.controls = false;  // they would lie over the picture
                const there = new Promise((seen) => video.addEventListener('seeked', seen));
                video.currentTime = second;
                await there;
                for (const _ of [1, 2]) await new Promise(requestAnimationFrame);
            }""",
            SPEAKING,
        )


def two_people(folder: Path) -> Path:
    """The sample face, and her mirror image beside her."""
    with Image.open(sample.sample_face()) as picture:
        left = picture.convert("RGB").crop((64, 0, 384, 300))
    both = Image.new("RGB", (640, 300))
    both.paste(left, (0, 0))
    both.paste(left.transpose(Image.Transpose.FLIP_LEFT_RIGHT), (320, 0))
    path = folder / "Two of us.png"
    both.save(path)
    return path


@contextmanager
def program(folder: Path) -> Iterator[str]:
    """The address of a whole program that keeps its files in `folder`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "VAR_DIR": str(folder / "var"),
        "PORT": str(port),
        "SEGMENT_SECONDS": "2",
    }
    command = [sys.executable, "-m", "cli", "serve"]
    started = subprocess.Popen(command, cwd=HERE.parent, env=environment)  # noqa: S603
    try:
        address = f"http://127.0.0.1:{port}"
        while not answers(address):
            if started.poll() is not None:
                sys.exit("The program did not start.")
        yield address
    finally:
        started.terminate()
        started.wait()


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/readyz", timeout=5):  # noqa: S310
            return True
    except (urllib.error.URLError, OSError):
        return False


def draw(address: str, folder: Path, scratch: Path) -> None:
    """Write all screenshots into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    photographer = Photographer(address, folder)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        options = {"base_url": address, "reduced_motion": "reduce"}
        light = browser.new_context(**options, viewport=DESKTOP)
        photographer.light(light, two_people(scratch))
        result, state = light.pages[0].url, light.storage_state()
        options["storage_state"] = state
        dark = browser.new_context(**options, viewport=DESKTOP, color_scheme="dark")
        photographer.finished(dark, result, "dark")
        phone = browser.new_context(**options, viewport=PHONE, is_mobile=True, has_touch=True)
        photographer.finished(phone, result, "phone")
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=HERE / "screenshots")
    folder = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as scratch:
        if address := os.environ.get("SERVER"):
            draw(address, folder, Path(scratch))
        else:
            with program(Path(scratch)) as address:
                draw(address, folder, Path(scratch))


if __name__ == "__main__":
    main()
