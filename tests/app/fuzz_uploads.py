"""Files made to break whoever opens them: valid ones of every kind, each damaged in some way.

    python -m tests.app.fuzz_uploads --count 1000

sends so many to a real web server, and says what became of them.
"""

import argparse
import io
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import requests
from PIL import Image

PATIENCE = 150  # seconds after which an upload counts as hung: more than PROBE_SECONDS
KINDS = {
    # name: format, video codec, sound codec
    "a.mp4": ("mp4", "libx264", "aac"),
    "a.mov": ("mov", "mjpeg", "pcm_s16le"),
    "a.webm": ("webm", "libvpx-vp9", "libopus"),
    "a.mkv": ("matroska", "libx264", "flac"),
    "a.avi": ("avi", "mpeg4", "mp3"),
    "a.wav": ("wav", None, "pcm_s16le"),
    "a.mp3": ("mp3", None, "mp3"),
    "a.m4a": ("ipod", None, "aac"),
    "a.aac": ("adts", None, "aac"),
    "a.flac": ("flac", None, "flac"),
    "a.ogg": ("ogg", None, "flac"),
    "a.opus": ("ogg", None, "libopus"),
}
PICTURES = {"a.png": "PNG", "a.jpg": "JPEG", "a.webp": "WEBP", "a.gif": "GIF"}


def valid_files() -> dict[str, bytes]:
    """A small file of every kind that is accepted, by name."""
    films = {name: _film(*kind) for name, kind in KINDS.items()}
    return films | {name: _picture(format) for name, format in PICTURES.items()}


def hostile_files(count: int, seed: int = 1) -> Iterator[tuple[str, bytes]]:
    """Damaged files: a name that tells kind and damage, and the bytes."""
    chance = random.Random(seed)
    files = list(valid_files().items())
    for number in range(count):
        name, content = files[number % len(files)]
        _, other = chance.choice(files)
        damage = chance.choice(DAMAGES)
        yield f"{number}-{damage.__name__}-{name}", damage(content, other, chance)


def truncated(content: bytes, _other: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content))]


def flipped(content: bytes, _other: bytes, chance: random.Random) -> bytes:
    """Single bits, from one to one in a hundred bytes."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, max(1, len(content) // 100))):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def flipped_head(content: bytes, other: bytes, chance: random.Random) -> bytes:
    """Bits where the headers are."""
    return flipped(content[:300], other, chance) + content[300:]


def spliced(content: bytes, other: bytes, chance: random.Random) -> bytes:
    """The beginning of one file and the end of another."""
    return content[: chance.randrange(len(content))] + other[chance.randrange(len(other)) :]


def shuffled(content: bytes, _other: bytes, chance: random.Random) -> bytes:
    """A part of the file in another place."""
    start, stop = sorted(chance.randrange(len(content)) for _ in range(2))
    rest = content[:start] + content[stop:]
    place = chance.randint(0, len(rest))
    return rest[:place] + content[start:stop] + rest[place:]


def repeated(content: bytes, _other: bytes, chance: random.Random) -> bytes:
    """A part of the file many times over."""
    start = chance.randrange(len(content))
    stop = min(len(content), start + chance.randint(1, 200))
    return content[:stop] + content[start:stop] * chance.randint(1, 500) + content[stop:]


def extreme(content: bytes, _other: bytes, chance: random.Random) -> bytes:
    """Numbers that are as large or as small as they can be, such as sizes and counts."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(min(len(content), 2000))
        number = chance.choice([b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f"])
        changed[place : place + 4] = number
    return bytes(changed)


Damage = Callable[[bytes, bytes, random.Random], bytes]
DAMAGES: list[Damage] = [
    truncated, flipped, flipped_head, spliced, shuffled, repeated, extreme,
]  # fmt: skip


def _film(format: str, video: str | None, sound: str) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=format, options={"fflags": "bitexact"}) as output:
        track = output.add_stream(sound, rate=48000)
        track.layout = "mono"
        if video is not None:
            _draw(output, video)
        wave = (8000 * np.sin(np.arange(19200) / 20)).astype(np.int16)[None]
        for number, part in enumerate(np.split(wave, 4, axis=1)):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), "s16", "mono")
            frame.sample_rate, frame.pts = 48000, 4800 * number
            output.mux(track.encode(frame))
        output.mux(track.encode(None))
    return file.getvalue()


def _draw(output: av.container.OutputContainer, codec: str) -> None:
    stream = output.add_stream(codec, rate=25)
    if codec == "libx264":  # with AVX-512 it does not always write the same, see VideoWriter
        stream.codec_context.options = {"x264-params": "asm=0"}
    stream.width, stream.height = 64, 48
    stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    for number in range(10):
        pixels = np.full((48, 64, 3), 25 * number, np.uint8)
        frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
        frame.pts, frame.time_base = number, Fraction(1, 25)
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))


def _picture(format: str) -> bytes:
    file = io.BytesIO()
    chance = np.random.default_rng(1)
    frames = [Image.fromarray(chance.integers(0, 256, (24, 32, 3), np.uint8)) for _ in range(4)]
    moving = {"save_all": True, "append_images": frames[1:]} if format in ("WEBP", "GIF") else {}
    frames[0].save(file, format, **moving)
    return file.getvalue()


def main(count: int, seed: int) -> int:
    """Send `count` files to a web server of its own; the exit status is 1 if anything broke."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        address, server = _serve(Path(folder), log)
        outcomes: Counter[str] = Counter()
        began = time.monotonic()
        try:
            with ThreadPoolExecutor(4) as pool:
                for answer in pool.map(lambda file: _send(address, *file), _files(count, seed)):
                    outcomes[answer] += 1
            alive = requests.get(address, timeout=PATIENCE).ok and server.poll() is None
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)
        left = [path for path in (Path(folder) / "var" / "work").rglob("*") if path.is_file()]
        text = log.read_text()
    workers = len(re.findall("Booting worker", text))
    stumbled = re.findall(r"^(\w[\w.]*(?:Error|Exception)\b.*)$", text, re.MULTILINE)
    print(f"{count} files in {time.monotonic() - began:.0f} s")
    for outcome, times in outcomes.most_common():
        print(f"{times:6} {outcome}")
    print(f"web processes started: {workers}; answering at the end: {alive}; left behind: {left}")
    print(f"exceptions in the log: {Counter(stumbled).most_common(20)}")
    broken = sum(times for outcome, times in outcomes.items() if outcome.startswith("broken"))
    return 0 if alive and not broken and workers == 1 and not left else 1


def _files(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """The damaged files; the valid ones come first, to see that these are taken."""
    yield from valid_files().items()
    yield from hostile_files(count, seed)


def _send(address: str, name: str, content: bytes) -> str:
    role = random.Random(name).choice(["source", "voice", ""])
    try:
        answer = requests.post(
            f"{address}/api/v1/uploads",
            params={"role": role} if role else {},
            files={"file": (name, content)},
            timeout=PATIENCE,
        )
    except requests.RequestException as error:
        return f"broken: {name}: {error!r}"
    if answer.status_code == 201:
        return "accepted"
    if answer.status_code >= 500 or "Traceback" in answer.text:
        return f"broken: {name}: {answer.status_code} {answer.text[:200]}"
    return str(answer.json()["code"])


def _serve(folder: Path, log: Path) -> tuple[str, "subprocess.Popen[bytes]"]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "VAR_DIR": str(folder / "var"),
        "UPLOADS_PER_HOUR": "0",
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "-m", "gunicorn", "--no-control-socket", "--threads", "16"]
    with log.open("w") as file:
        server = subprocess.Popen(
            [*command, "--bind", f"127.0.0.1:{port}", "app:create_app()"],
            env=environment,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    address = f"http://127.0.0.1:{port}"
    for _ in range(300):
        try:
            requests.get(address, timeout=PATIENCE)
            return address, server
        except requests.ConnectionError:
            time.sleep(0.1)
    raise SystemExit(f"The server does not start:\n{log.read_text()}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    sys.exit(main(arguments.count, arguments.seed))
