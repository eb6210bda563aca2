"""Many uploads at once: how long they and the start page take, and the memory of the server.

    python benchmarks/uploads.py --uploads 50 --megabytes 20

starts the web server of the Procfile and uploads a video of that size from as many threads, each as
another visitor, while one more visitor keeps opening the start page.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from fractions import Fraction
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
import psutil

from media.video_writer import VideoWriter

BOUNDARY = "a-line-between-parts"


def main(uploads: int, megabytes: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        port = _free_port()
        server = _serve(Path(folder), port)
        try:
            _measure(server, port, _video(Path(folder), megabytes), uploads)
        finally:
            server.terminate()
            server.wait(60)


def _measure(server: "subprocess.Popen[bytes]", port: int, video: Path, uploads: int) -> None:
    over = threading.Event()
    page: list[float] = []
    memory: list[int] = []
    watchers = [
        threading.Thread(target=_poll_page, args=(port, page, over)),
        threading.Thread(target=_poll_memory, args=(server.pid, memory, over)),
    ]
    for watcher in watchers:
        watcher.start()
    while len(page) < 10:
        if not all(watcher.is_alive() for watcher in watchers):
            raise SystemExit("The server does not answer.")
        over.wait(0.1)
    calm, page_calm = memory[-1], max(page[1:])  # the first one loads what all others need
    page.clear()
    answers: list[tuple[int, float]] = []
    senders = [
        threading.Thread(target=_send, args=(port, video, number, answers))
        for number in range(uploads)
    ]
    began = time.monotonic()
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    seconds = time.monotonic() - began
    over.set()
    for watcher in watchers:
        watcher.join()
    statuses = {status: sum(s == status for s, _ in answers) for status, _ in answers}
    facts = {
        "uploads": uploads,
        "megabytes each": round(video.stat().st_size / 1e6, 1),
        "answers by status": statuses,
        "seconds for all": round(seconds, 1),
        "seconds of one, median": round(statistics.median(took for _, took in answers), 1),
        "page opened, times": len(page),
        "page before, slowest, ms": round(1000 * page_calm),
        "page meanwhile, median, ms": round(1000 * statistics.median(page)),
        "page meanwhile, slowest, ms": round(1000 * max(page)),
        "memory before, MB": round(calm / 1e6),
        "memory meanwhile, most, MB": round(max(memory) / 1e6),
    }
    print(json.dumps(facts, indent=2))


def _poll_page(port: int, took: list[float], over: threading.Event) -> None:
    """Open the start page ten times a second, each time in a new connection."""
    while not over.wait(0.1):
        began = time.monotonic()
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", "/")
        answer = connection.getresponse()
        answer.read()
        connection.close()
        if answer.status != 200:
            raise SystemExit(f"The page answered {answer.status}.")
        took.append(time.monotonic() - began)


def _poll_memory(pid: int, memory: list[int], over: threading.Event) -> None:
    """Poll the PSS of the server and its children, in which shared memory counts once."""
    server = psutil.Process(pid)
    while not over.wait(0.1):
        total = 0
        for process in [server, *server.children(recursive=True)]:
            try:
                total += process.memory_full_info().pss
            except psutil.NoSuchProcess:
                continue
        memory.append(total)


def _send(port: int, video: Path, number: int, answers: list[tuple[int, float]]) -> None:
    head = (
        f"--{BOUNDARY}\r\nContent-Disposition: form-data; name=file; filename=v{number}.mp4\r\n\r\n"
    ).encode()
    tail = f"\r\n--{BOUNDARY}--\r\n".encode()
    began = time.monotonic()
    connection = HTTPConnection("127.0.0.1", port, timeout=600)
    connection.putrequest("POST", "/api/v1/uploads?role=source")
    connection.putheader("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")
    size = len(head) + video.stat().st_size + 8 + len(tail)
    connection.putheader("Content-Length", str(size))
    connection.endheaders()
    connection.send(head)
    with video.open("rb") as file:
        connection.send(file)
    # Eight bytes of their own at the end, so that each is another file and all are stored.
    connection.send(f"{number:08}".encode() + tail)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    answers.append((answer.status, time.monotonic() - began))


def _video(folder: Path, megabytes: int) -> Path:
    """A video of one second of noise, padded to the size with bytes that players ignore."""
    path = folder / "video.mp4"
    chance = np.random.default_rng(1)
    with VideoWriter(path, 640, 360, Fraction(25)) as writer:
        for _ in range(25):
            writer.write(chance.integers(0, 256, (360, 640, 3), np.uint8))
    size = megabytes * 1_000_000
    with path.open("ab") as file:
        gap = size - path.stat().st_size
        file.write(gap.to_bytes(4, "big") + b"free" + bytes(gap - 8))
    return path


def _serve(folder: Path, port: int) -> "subprocess.Popen[bytes]":
    environment = {
        **os.environ, "VAR_DIR": str(folder / "var"), "PORT": str(port),
        "UPLOADS_PER_HOUR": "0", "TRANSFERS_PER_CLIENT": "0",  # all come from this machine
    }  # fmt: skip
    server = subprocess.Popen(
        [sys.executable, "-m", "cli", "serve", "web"],
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    for _ in range(300):
        with socket.socket() as knock:
            if knock.connect_ex(("127.0.0.1", port)) == 0:
                return server
        time.sleep(0.1)
    raise SystemExit("The server does not start.")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uploads", type=int, default=50)
    parser.add_argument("--megabytes", type=int, default=20)
    arguments = parser.parse_args()
    main(arguments.uploads, arguments.megabytes)
