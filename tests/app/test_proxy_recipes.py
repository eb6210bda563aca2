"""The recipes of docs/proxies.md, in a real nginx and a real Caddy."""

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import sample

from .web_server import Server, free_port, is_open

TEXT = Path("docs/proxies.md").read_text()
NGINX, NGINX_UNDER_A_PATH = re.findall(r"```nginx\n(.*?)```", TEXT, re.DOTALL)
CADDY, CADDY_UNDER_A_PATH = re.findall(r"```caddyfile\n(.*?)```", TEXT, re.DOTALL)
NAME = "mouth.example.org"


def nginx(folder: Path, port: int, path: str) -> tuple[str, list[str]]:
    """The recipe as a configuration, and the command that runs it."""
    server = NGINX
    if path:  # "the lines from proxy_http_version on" stand in the first recipe
        head, _, rest = NGINX.partition("  location /")
        shared = rest[rest.index("proxy_http_version") : rest.index("  }")]
        server = head + re.sub("# and the lines.*", shared, NGINX_UNDER_A_PATH) + "}"
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {folder}; " for kind in kinds)
    http = server.replace("listen 443 ssl", f"listen 127.0.0.1:{port}")
    whole = f"daemon off; pid {folder}/pid; error_log {folder}/log; events {{}}\n"
    whole += f"http {{ access_log off; {temporary}\n{http} }}"
    return whole, ["-p", str(folder), "-c", "config"]


def caddy(folder: Path, port: int, path: str) -> tuple[str, list[str]]:
    site = re.sub(r"(?m)^\S+ \{", f"http://{NAME}:{port} {{", CADDY_UNDER_A_PATH if path else CADDY)
    whole = f"{{\n admin off\n auto_https off\n storage file_system {folder}\n}}\n{site}"
    return whole, ["run", "--adapter", "caddyfile", "--config", str(folder / "config")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    server = Server(folder, TRUSTED_PROXIES="1", ALLOWED_HOSTS=NAME)
    yield server
    server.stop()


class Proxy:
    """A proxy before the server; the site is at `path`."""

    def __init__(self, program: str, folder: Path, server: Server, path: str) -> None:
        self.port, self.path, self.cookie = free_port(), path, ""
        config, words = {"nginx": nginx, "caddy": caddy}[Path(program).name](
            folder, self.port, path
        )
        (folder / "config").write_text(config.replace("127.0.0.1:8000", f"127.0.0.1:{server.port}"))
        with (folder / "output").open("w") as output:
            self.process = subprocess.Popen([program, *words], stdout=output, stderr=output)
        deadline = time.monotonic() + 30
        while not is_open(self.port):
            assert self.process.poll() is None, (folder / "output").read_text()
            assert time.monotonic() < deadline

    @property
    def host(self) -> str:
        return f"{NAME}:{self.port}"

    def ask(
        self, method: str, path: str, body: bytes = b"", **headers: str
    ) -> tuple[http.client.HTTPResponse, bytes]:
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent |= {"Host": self.host} | ({"Cookie": self.cookie} if self.cookie else {})
        client.request(method, path, body or None, sent)
        answer = client.getresponse()
        content = answer.read()
        client.close()
        if given := answer.headers["Set-Cookie"]:
            self.cookie = given.partition(";")[0]
        return answer, content

    def json(self, path: str, body: Any, **headers: str) -> Any:
        sent = json.dumps(body).encode()
        answer, content = self.ask("POST", path, sent, Content_Type="application/json", **headers)
        return json.loads(content) | {"status": answer.status}


@pytest.fixture(params=["nginx", "nginx /mouth", "caddy", "caddy /mouth"])
def proxy(request: pytest.FixtureRequest, server: Server, tmp_path: Path) -> Iterator[Proxy]:
    name, _, path = request.param.partition(" ")
    program = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip(f"no {name} is installed: its recipes cannot be tried")
    proxy = Proxy(program, tmp_path, server, path)
    yield proxy
    proxy.process.terminate()
    proxy.process.wait(30)


def test_the_site_works_behind_it(proxy: Proxy) -> None:
    api = f"{proxy.path}/api/v1"
    answer, page = proxy.ask("GET", f"{proxy.path}/")
    assert f'href="{proxy.path}/static/style.css"'.encode() in page
    assert f"Path={proxy.path or '/'}" in answer.headers["Set-Cookie"]
    assert proxy.ask("GET", f"{proxy.path}/metrics")[0].status == 404
    assert proxy.ask("GET", f"{proxy.path}/healthz")[0].status == 200

    own, other = f"http://{proxy.host}", "http://evil.example"
    made = proxy.json(f"{api}/sample", {}, Origin=own)  # as browsers send it over plain http
    assert made["status"] == 201
    refused = proxy.json(f"{api}/sample", {}, Origin=other)
    assert refused["code"] == "cross-site"
    assert f"sent by a page at {other}, asked as {proxy.host}" in refused["message"]

    face = sample.sample_face().read_bytes()
    tus = {"Tus_Resumable": "1.0.0"}
    begun, _ = proxy.ask("POST", f"{api}/transfers", Upload_Length=str(len(face)), **tus)
    place = begun.headers["Location"]
    assert place.startswith(f"{api}/transfers/")
    head = f"PATCH {place} HTTP/1.1\r\nHost: {proxy.host}\r\nCookie: {proxy.cookie}\r\n"
    head += "Tus-Resumable: 1.0.0\r\nContent-Type: application/offset+octet-stream\r\n"
    head += f"Upload-Offset: 0\r\nContent-Length: {len(face)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", proxy.port), 60) as line:
        line.sendall(head.encode() + face[:200_000])
        offset, deadline = 0, time.monotonic() + 30
        while not offset:  # what has come is there before the rest
            offset = int(proxy.ask("HEAD", place, **tus)[0].headers["Upload-Offset"])
            assert time.monotonic() < deadline
    rest = {"Content_Type": "application/offset+octet-stream", **tus}
    while True:  # what was on its way when the connection broke may still come
        at = proxy.ask("HEAD", place, **tus)[0].headers["Upload-Offset"]
        answer, _ = proxy.ask("PATCH", place, face[int(at) :], Upload_Offset=at, **rest)
        assert answer.status in (204, 409)
        if answer.status == 204:
            break
    upload = proxy.json(f"{place}/upload?role=source", {}, **tus)
    assert (upload["kind"], upload["bytes"]) == ("image", len(face))

    body = {"source": upload["id"], "voices": [{"audio": made["voice"]["id"]}]}
    job = proxy.json(f"{api}/jobs", body)
    part, content = proxy.ask("GET", f"{api}/jobs/{job['id']}/source", Range="bytes=1000-1999")
    assert (part.status, content) == (206, face[1000:2000])
    assert part.headers["Content-Range"] == f"bytes 1000-1999/{len(face)}"
