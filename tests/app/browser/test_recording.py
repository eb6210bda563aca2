"""A voice said into the microphone."""

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def test_what_is_said_becomes_the_voice(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Record your voice").click()
    expect(page.get_by_role("timer")).to_have_text("0:02")
    page.get_by_role("button", name="Stop recording").click()
    voice = page.get_by_role("region", name="Voice")
    expect(voice.locator(".name")).to_have_text("Recording.webm")
    expect(voice.locator(".about")).to_contain_text("sound, 2.")
    expect(voice.locator("audio")).to_be_visible()
    expect(voice.get_by_role("button", name="Record your voice")).to_be_hidden()


def test_a_file_given_meanwhile_takes_its_place(page: Page, short_voice: str) -> None:
    page.goto("/")
    page.get_by_role("button", name="Record your voice").click()
    expect(page.get_by_role("timer")).to_have_text("0:01")
    page.get_by_label("Choose a file or drop a recording").set_input_files(short_voice)
    voice = page.get_by_role("region", name="Voice")
    expect(voice.locator(".about")).to_contain_text("sound, 0.6 s")
    expect(voice.locator(".name")).to_have_text("voice.wav")


def test_why_there_is_no_microphone_over_plain_http_is_said(page: Page, base_url: str) -> None:
    page.goto(base_url.replace("127.0.0.1", "mouth.test"))
    voice = page.get_by_role("region", name="Voice")
    expect(voice).to_contain_text("only to pages that come over https")
    expect(voice.get_by_role("button", name="Record your voice")).to_be_hidden()


def test_a_refused_microphone_is_explained(page: Page) -> None:
    page.add_init_script(
        """navigator.mediaDevices.getUserMedia = () => Promise.reject(
            new DOMException('Permission denied', 'NotAllowedError'));"""
    )
    page.goto("/")
    page.get_by_role("button", name="Record your voice").click()
    expect(page.get_by_role("alert").filter(has_text="microphone")).to_contain_text(
        "Allow it beside the address of this page, or choose a file."
    )
