"""The system page: what the installation has, and weights that it lacks, fetched with a click."""

import pytest
from playwright.sync_api import Browser, Page, expect

from .published import Publisher
from .test_accessibility import problems

pytestmark = pytest.mark.browser


def test_missing_weights_are_fetched_while_one_looks_on(page: Page, publisher: Publisher) -> None:
    page.goto("/system")
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="novel"))
    expect(row).to_contain_text("not here")
    page.get_by_role("button", name="Fetch novel").click()
    expect(page.get_by_role("status")).to_have_text("Fetching novel.")
    expect(row).to_contain_text(" of 2\N{NO-BREAK SPACE}MB")
    assert problems(page) == []
    page.get_by_role("button", name="Cancel fetching novel").click()
    expect(page.get_by_role("button", name="Fetch novel")).to_be_visible()
    publisher.open.set()
    page.get_by_role("button", name="Fetch novel").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Fetching has ended.")
    expect(row.get_by_text("here", exact=True)).to_be_visible()


def test_workers_tell_what_they_compute_on(page: Page) -> None:
    page.goto("/system")
    workers = page.get_by_role("region", name="Workers")
    expect(workers).to_contain_text("engine")
    expect(workers).to_contain_text("thread")


def test_without_a_script_the_form_works_too(browser: Browser, base_url: str) -> None:
    context = browser.new_context(base_url=base_url, java_script_enabled=False)
    page = context.new_page()
    page.goto("/system")
    page.get_by_role("button", name="Fetch s3fd").click()
    expect(page.get_by_role("status")).to_contain_text("s3fd")
    page.get_by_role("button", name="Cancel fetching s3fd").click()
    expect(page.get_by_role("button", name="Fetch s3fd")).to_be_visible()
    context.close()
