"""The site under a path, behind a reverse proxy as docs/proxies.md has them."""

import http.client
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Page, expect

from .conftest import Mortal

pytestmark = pytest.mark.browser


class Proxy(BaseHTTPRequestHandler):
    """Takes /mouth away from every address, and says so; what lies outside is not the site."""

    target: str
    protocol_version = "HTTP/1.1"

    def pass_on(self) -> None:
        if not self.path.startswith("/mouth/"):
            self.send_error(404)
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        server = http.client.HTTPConnection(self.target, timeout=60)
        headers = {**self.headers, "X-Forwarded-Prefix": "/mouth", "Connection": "close"}
        headers["X-Forwarded-Host"] = self.headers["Host"]
        server.request(self.command, self.path.removeprefix("/mouth"), body, headers)
        answer = server.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
        server.close()

    do_GET = do_POST = do_PUT = do_PATCH = do_HEAD = do_DELETE = pass_on

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address(chromium: str, tmp_path: Path) -> Iterator[str]:
    server = Mortal(tmp_path, TRUSTED_PROXIES="1")
    server.start()
    handler = type("Handler", (Proxy,), {"target": server.address.removeprefix("http://")})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as proxy:
        Thread(target=proxy.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{proxy.server_port}/mouth/"
        proxy.shutdown()
    server.kill()


def test_a_job_is_made_under_a_path(
    page: Page, address: str, astronaut_file: Path, short_voice: Path
) -> None:
    missing: list[str] = []
    page.on("response", lambda answer: answer.status == 404 and missing.append(answer.url))
    page.goto(address)
    page.get_by_label("Choose a file or drop a picture").set_input_files(astronaut_file)
    page.get_by_label("Choose a file or drop a recording").set_input_files(short_voice)
    page.get_by_label("I may use this face and this voice").check()
    page.get_by_role("button", name="Animate").click()
    page.wait_for_url(re.compile(r"/mouth/jobs/[0-9a-f]{32}$"))
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.get_by_role("link", name="My videos").click()
    expect(page.get_by_text("astronaut.png")).to_be_visible()
    (cookie,) = page.context.cookies(address)
    assert cookie["path"] == "/mouth"
    assert missing == []
