"""No room, and no disk, while a file is received: it is said by name, and nothing is left of it."""

import io
import subprocess
from pathlib import Path

import pytest
import requests

from tests.faults.conftest import World, fill
from tests.faults.material import speak

pytestmark = pytest.mark.slow
FULL, GONE = (507, "disk-full"), (503, "storage-unavailable")
# Where the web process writes, one after the other.
PLACES = ("var/work$", "var/work/[0-9a-f]{32}$", "var/work/[0-9a-f]{32}/upload$", "/media/uploads/")


@pytest.fixture
def voice(tmp_path: Path) -> Path:
    """Half a megabyte of sound."""
    path = tmp_path / "long.wav"
    speak(path, 16.0)
    return path


def open_site(world: World) -> None:
    world.start("web")
    world.until("the site to be open", lambda: is_open(world))


def is_open(world: World) -> bool:
    try:
        return requests.get(f"{world.address}/healthz", timeout=60).ok
    except requests.RequestException:
        return False


class Body(io.BytesIO):
    """What is sent, in the middle of which something happens to the disk."""

    def __init__(self, content: bytes, filler: Path) -> None:
        super().__init__(content)
        self._filler = filler

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() > len(self.getbuffer()) // 2 and not self._filler.exists():
            fill(self._filler)
        return super().read(size)


def on_small_disk(disk: Path, folder: Path) -> World:
    """Whose files are on the small disk, and whose database is beside it."""
    return World(
        folder,
        VAR_DIR=str(disk / "var"),
        DATABASE_URL=f"sqlite:///{folder}/jobs.db",
        DISK_RESERVE_BYTES="0",
    )


def send(world: World, voice: Path, filler: Path | None = None) -> tuple[int, str | None]:
    """The status of the answer to an upload, and the code of its error."""
    address = f"{world.address}/api/v1/uploads"
    request = requests.Request("POST", address, files={"file": voice.read_bytes()}).prepare()
    if filler:
        request.body = Body(request.body, filler)
    with requests.Session() as visitor:
        answer = visitor.send(request, timeout=300)
    return answer.status_code, answer.json().get("code")


def left(world: World) -> list[str]:
    """All files there are of uploads, whole or half made."""
    work = [path.name for path in world.jobs.settings.work_dir.glob("*")]
    return work + [file.key for file in world.jobs.storage.find()]


@pytest.mark.parametrize(("errno", "expected"), [("ENOSPC", FULL), ("EROFS", GONE)])
def test_a_disk_that_takes_nothing_is_said_wherever_it_is_noticed(
    world: World, voice: Path, errno: str, expected: tuple[int, str]
) -> None:
    open_site(world)
    for place in PLACES:
        world.suffer(errno=errno, matching=place)
        assert (place, send(world, voice)) == (place, expected)
        assert left(world) == []
    world.suffer()
    assert send(world, voice) == (201, None)


def test_a_disk_that_fills_or_fails_while_a_file_comes_keeps_what_it_has(
    small_disk: Path, tmp_path: Path, voice: Path
) -> None:
    world = on_small_disk(small_disk, tmp_path)
    filler = small_disk / "filler"
    try:
        open_site(world)
        assert send(world, world.recipes[0].voice) == (201, None)
        had = left(world)
        assert send(world, voice, filler) == FULL
        assert left(world) == had
        filler.unlink()
        remount(small_disk, "ro")
        assert send(world, voice) == GONE
        remount(small_disk, "rw")
        assert send(world, voice) == (201, None)
        assert len(left(world)) == len(had) + 1
    finally:
        world.stop()


def test_a_disk_that_fills_while_a_piece_comes_keeps_what_came_of_it(
    small_disk: Path, tmp_path: Path, voice: Path
) -> None:
    world = on_small_disk(small_disk, tmp_path)
    filler, content = small_disk / "filler", voice.read_bytes()
    cookies = requests.cookies.RequestsCookieJar()

    def ask(method: str, path: str, data: object = None, **headers: str) -> requests.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        tus = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}
        answer = requests.request(
            method,
            world.address + path,
            data=data,
            headers=tus | named,
            cookies=cookies,
            timeout=300,
        )
        cookies.update(answer.cookies)
        return answer

    def here() -> int:
        return int(ask("HEAD", place).headers["Upload-Offset"])

    class Half(Body):
        """A body that waits in its middle until some of it has come."""

        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > len(content) // 2 and not filler.exists():
                world.until("some of it to be here", lambda: here() > 0)
            return super().read(size)

    try:
        open_site(world)
        begun = ask("POST", "/api/v1/transfers", Upload_Length=str(len(content)))
        place = begun.headers["Location"]
        refused = ask("PATCH", place, Half(content, filler), Upload_Offset="0")
        assert (refused.status_code, refused.json()["code"]) == FULL
        came = here()
        assert 0 < came < len(content)
        filler.unlink()
        rest = ask("PATCH", place, io.BytesIO(content[came:]), Upload_Offset=str(came))
        assert rest.status_code == 204
        made = ask("POST", f"{place}/upload", "{}", Content_Type="application/json")
        assert (made.status_code, made.json()["bytes"]) == (201, len(content))
    finally:
        world.stop()


def remount(disk: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", disk], check=True)
