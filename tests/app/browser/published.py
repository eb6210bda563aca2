"""Weights that somebody publishes, on a server that can be made to wait half-way."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import checkpoints

WEIGHTS = bytes(range(256)) * 8192  # 2 MiB


class Publisher(ThreadingHTTPServer):
    """Serves WEIGHTS; the second half only while `open` is set."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.open = threading.Event()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is what some tests are about."""

    def manifest(self, path: Path) -> Path:
        """The program's own list of weights, with those of this server besides, at `path`."""
        entries = json.loads(checkpoints.MANIFEST.read_text())
        entries["novel"] = {
            "architecture": "wav2lip",
            "file": "novel.pth",
            "bytes": len(WEIGHTS),
            "sha256": hashlib.sha256(WEIGHTS).hexdigest(),
            "licence": "public domain",
            "url": f"http://127.0.0.1:{self.server_port}/novel.pth",
            "note": "Weights of no use.",
        }
        path.write_text(json.dumps(entries))
        return path


class _Handler(BaseHTTPRequestHandler):
    server: Publisher

    def do_GET(self) -> None:
        start = int((self.headers["Range"] or "bytes=0-")[6:-1])
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(WEIGHTS) - start))
        self.end_headers()
        half = len(WEIGHTS) // 2
        self.wfile.write(WEIGHTS[start:half])
        self.server.open.wait()
        self.wfile.write(WEIGHTS[max(start, half) :])

    def log_message(self, format: str, *args: object) -> None:
        """A test's output is its result."""
