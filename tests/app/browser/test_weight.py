"""What the first visit costs over a slow line."""

from typing import Any

import pytest
from playwright.sync_api import Page

pytestmark = pytest.mark.browser

MOST = 100_000  # bytes on the wire, headers included


def test_the_first_page_is_light(page: Page) -> None:
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    network.send("Network.setCacheDisabled", {"cacheDisabled": True})
    loaded: list[dict[str, Any]] = []
    network.on("Network.loadingFinished", lambda event: loaded.append(event))
    page.goto("/", wait_until="networkidle")
    page.get_by_role("button", name="Add another voice").wait_for()  # the scripts are at work
    assert len(loaded) > 5
    assert sum(each["encodedDataLength"] for each in loaded) <= MOST
