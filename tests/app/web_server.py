"""A web server for tests: gunicorn in a process of its own, without workers."""

import http.client
import os
import socket
import subprocess
import sys
import time
from pathlib import Path


class Server:
    """`gunicorn` as the Procfile starts it, on a port of its own."""

    def __init__(self, folder: Path, config: str = "app.server", **settings: str) -> None:
        self.port = free_port()
        self.log = folder / "log"
        command = [sys.executable, "-m", "gunicorn", "--config", f"python:{config}"]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*command, "--bind", f"127.0.0.1:{self.port}", "app:create_app()"],
                env={**os.environ, "VAR_DIR": str(folder / "var"), **settings},
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 120
        while not is_open(self.port):
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)

    def wait_for_log(self, words: str) -> None:
        deadline = time.monotonic() + 60
        while words not in self.log.read_text():
            assert time.monotonic() < deadline

    def connect(self, sent: bytes = b"", source: str = "127.0.0.1") -> socket.socket:
        line = socket.create_connection(("127.0.0.1", self.port), 60, (source, 0))
        line.sendall(sent)
        return line

    def get(self, path: str, source: str = "127.0.0.1") -> tuple[int, float]:
        """The status, and the seconds until it came."""
        asked = time.monotonic()
        client = http.client.HTTPConnection("127.0.0.1", self.port, 60, (source, 0))
        client.request("GET", path)
        status = client.getresponse().status
        client.close()
        return status, time.monotonic() - asked


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
