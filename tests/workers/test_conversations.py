"""Several people in one picture or film, asked for through the API, made by real workers."""

import time
import wave
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from app import create_app
from benchmarks.material import SAMPLE_VOICE
from face_detection.persons import from_csv
from jobs import retention
from media.pictures import read_picture
from media.probe import probe
from media.sound import read_sound, sound_duration
from media.video import read_frames
from media.video_writer import VideoWriter
from rendering import driving_audio
from rendering.models import engine_for
from rendering.options import Options
from rendering.spec import RenderSpec, Source, VoiceTrack

API = "/api/v1"
RATE = 16000
LOW, HIGH = 150, 400  # hertz, the pitches of the two voices
LEFT, RIGHT = slice(0, 300), slice(300, 600)

Say = Callable[[str, int, float], Path]
Row = dict[str, Any]

pytestmark = pytest.mark.slow


@pytest.fixture
def say(tmp_path: Path) -> Say:
    """A second of the sample voice over a buzz at a pitch, that swells so often."""

    def say(name: str, pitch: int, swells: float) -> Path:
        time = np.arange(RATE) / RATE
        buzz = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 3000 // pitch))
        begin = {LOW: 2.8, HIGH: 1.1}[pitch]
        words = read_sound(SAMPLE_VOICE, RATE)[round(begin * RATE) :][:RATE]
        samples = buzz * np.sin(np.pi * swells * time) ** 2 * 2500 + 20000 * words
        with wave.open(str(tmp_path / name), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(samples.astype("<i2").tobytes())
        return tmp_path / name

    return say


class Desk:
    """A visitor's requests, and the workers that answer them."""

    def __init__(self, stack: Any) -> None:
        self.stack = stack
        self.client: FlaskClient = create_app(stack.jobs.settings).test_client()

    def upload(self, path: Path) -> str:
        with path.open("rb") as file:
            answer = self.client.post(f"{API}/uploads", data={"file": (file, path.name)})
        return str(answer.get_json()["id"])

    def ask(self, source: str, *voices: Row, **options: Any) -> Row:
        """The job once it has ended, or asks back."""
        body = {"source": source, "voices": list(voices), "options": options}
        answer = self.client.post(f"{API}/jobs", json=body)
        assert answer.status_code == 202, answer.get_json()
        return self.until(answer.get_json()["id"], "done", "failed", "choosing")

    def until(self, job_id: str, *states: str) -> Row:
        self.stack.until_state(job_id, *states)
        job: Row = self.client.get(f"{API}/jobs/{job_id}").get_json()
        return job

    def result(self, job: Row, tmp_path: Path) -> Path:
        assert job["error"] is None
        path = tmp_path / f"{job['id']}.mp4"
        path.write_bytes(self.client.get(job["result"]).data)
        return path


@pytest.fixture
def desk(stack: Any) -> Desk:
    return Desk(stack)


def motion(frames: np.ndarray, columns: slice) -> np.ndarray:
    """How much each frame differs from the one before: its liveliest thousandth of a part."""
    steps = np.abs(np.diff(frames[:, :, columns].astype(np.int16), axis=0)).mean(axis=3)
    liveliest = np.sort(steps.reshape(len(steps), -1))[:, -steps[0].size // 1000 :]
    return np.asarray(liveliest.mean(axis=1))


def loudness(path: Path, pitch: int, start: float, stop: float) -> float:
    """The level of a pitch in a stretch of the sound, 1 for a full sine."""
    part = read_sound(path, RATE)[int(start * RATE) : int(stop * RATE)]
    turning = np.exp(-2j * np.pi * pitch * np.arange(len(part)) / RATE)
    return float(2 * np.abs((part * turning).mean()))


def test_two_people_in_one_picture_talk_at_once(
    desk: Desk, pair: Path, say: Say, tmp_path: Path
) -> None:
    low, high = say("low.wav", LOW, 3), say("high.wav", HIGH, 2)
    voices = [
        {"audio": desk.upload(low), "person": 2},
        {"audio": desk.upload(high), "person": 1, "start": 0.7, "gain": -6},
    ]
    job = desk.ask(desk.upload(pair), *voices)
    result = desk.result(job, tmp_path)
    frames = np.stack(list(read_frames(result)))
    assert len(frames) == 43  # 1.7 seconds

    drives = planned(desk, job, pair, (low, 2, 0), (high, 1, 0.7))
    for columns, own, other in ((LEFT, 1, 2), (RIGHT, 2, 1)):
        seen = motion(frames, columns)
        alike = {
            n: np.corrcoef(seen, np.linalg.norm(np.diff(drives[n], axis=0), axis=1))[0, 1]
            for n in (own, other)
        }
        assert alike[own] > 0.6 > alike[other]

    alone = {pitch: loudness(path, pitch, 0, 1) for path, pitch in ((low, LOW), (high, HIGH))}
    assert loudness(result, LOW, 0, 1) == pytest.approx(alone[LOW], rel=0.1)
    assert loudness(result, HIGH, 0.7, 1.7) == pytest.approx(alone[HIGH] / 2, rel=0.1)
    assert loudness(result, HIGH, 0, 0.65) < 0.02 > loudness(result, LOW, 1.1, 1.7)


def planned(
    desk: Desk, job: Row, source: Path, *voices: tuple[Path, int, float]
) -> dict[int, np.ndarray]:
    """How each person's mouth is to move in the result, (frames, shapes) by number."""
    with desk.stack.jobs.storage.local(f"jobs/{job['id']}/persons.csv") as path:
        persons = from_csv(path.read_text())
    spoken = tuple(
        VoiceTrack(path, person, sound_duration(path), Fraction(str(start)))
        for path, person, start in voices
    )
    spec = RenderSpec(Source(source, probe(source), Options()), spoken, tuple(persons))
    engine = engine_for(spec.source)
    return {
        speaker.id: driving_audio.drive(spec, speaker, engine, 0, spec.frames)
        for speaker in spec.speakers
    }


def test_people_talk_to_each_other_through_two_jobs(
    desk: Desk, pair: Path, say: Say, tmp_path: Path
) -> None:
    low, high = say("low.wav", LOW, 3), say("high.wav", HIGH, 2)
    first = desk.ask(desk.upload(pair), {"audio": desk.upload(low), "person": 1})
    reused = desk.client.post(f"{API}/jobs/{first['id']}/source", json={}).get_json()
    assert reused["name"] == "pair-talking.mp4"

    answer = {"audio": desk.upload(high), "point": {"x": 450, "y": 130, "time": 0.2}, "start": 1}
    second = desk.ask(reused["id"], answer, overlay=True)
    assert second["voices"][0]["person"] in (1, 2)
    result = desk.result(second, tmp_path)
    frames = np.stack(list(read_frames(result)))
    assert len(frames) == 50
    left, right = motion(frames, LEFT), motion(frames, RIGHT)
    assert left[:22].mean() > 3 * right[:20].mean()
    assert right[28:].mean() > 3 * left[28:].mean()
    assert loudness(result, LOW, 0, 1) == pytest.approx(loudness(low, LOW, 0, 1), rel=0.1)
    assert loudness(result, HIGH, 1, 2) == pytest.approx(loudness(high, HIGH, 0, 1), rel=0.1)

    reused = desk.client.post(f"{API}/jobs/{second['id']}/source", json={}).get_json()
    answer = {"audio": desk.upload(low), "point": {"x": 150, "y": 130}}
    third = desk.result(desk.ask(reused["id"], answer, overlay=True), tmp_path)
    assert probe(third).frames == 50  # the finished video is longer than what is said now
    assert loudness(third, LOW, 0, 1) == pytest.approx(2 * loudness(low, LOW, 0, 1), rel=0.1)
    assert loudness(third, HIGH, 1, 2) == pytest.approx(loudness(high, HIGH, 0, 1), rel=0.1)


@pytest.fixture
def departure(tmp_path: Path, pair: Path) -> Path:
    """Two seconds of two people, a second of the left one, and after a cut one of the right one."""
    both = read_picture(pair)
    wall = np.full((300, 300, 3), 90, np.uint8)
    right_alone = np.hstack([wall, both[:, RIGHT]])
    path = tmp_path / "departure.mp4"
    with VideoWriter(path, 600, 300, Fraction(25)) as writer:
        for frames, picture in (
            (50, both),
            (25, np.hstack([both[:, LEFT], wall])),
            (25, right_alone),
        ):
            for _ in range(frames):
                writer.write(picture)
    return path


def test_a_film_tells_who_is_there_and_what_was_left_as_it_is(
    desk: Desk, departure: Path, say: Say, tmp_path: Path
) -> None:
    voice = {"audio": desk.upload(say("low.wav", LOW, 3)), "start": 1.5}
    asked = desk.ask(desk.upload(departure), voice, sync_mode="silence")
    assert asked["state"] == "choosing"
    left, right = sorted(asked["persons"], key=lambda person: person["box"][0])
    assert left["intervals"] == [[0, 3]]
    assert right["intervals"] == [[0, 2], [3, 4]]
    assert (right["first"], right["last"], right["share"]) == (0, 4, 0.75)

    previews = asked["previews"]
    assert len(previews) == 48
    assert (previews[0]["frame"], previews[-1]["frame"], previews[-1]["time"]) == (0, 99, 3.96)
    assert [each["person"] for each in previews[-1]["boxes"]] == [right["id"]]
    assert len(previews[0]["boxes"]) == 2
    picture = tmp_path / "preview.jpg"
    picture.write_bytes(desk.client.get(previews[-1]["picture"]).data)
    assert read_picture(picture).shape == (300, 600, 3)

    chosen = f"{API}/jobs/{asked['id']}/voices"
    nobody = voice | {"point": {"x": 150, "y": 130, "time": 3.5}}
    desk.client.put(chosen, json={"voices": [nobody]})
    failed = desk.until(asked["id"], "failed")
    assert failed["error"]["code"] == "no-such-person"
    there = voice | {"point": {"x": 450, "y": 130, "frame": 90}}
    desk.client.put(chosen, json={"voices": [there]})
    job = desk.until(asked["id"], "done")
    assert job["voices"][0]["person"] == right["id"]
    assert job["not_animated"] == [
        {"person": right["id"], "start": 2, "stop": 3, "reason": "out-of-sight"}
    ]
    result = desk.result(job, tmp_path)
    assert probe(result).frames == 100
    frames = np.stack(list(read_frames(result)))
    assert motion(frames, RIGHT)[38:48].mean() > 3 * motion(frames, RIGHT)[:30].mean()
    assert motion(frames, LEFT)[:48].mean() < 1

    desk.client.delete(f"{API}/jobs/{asked['id']}")
    retention.delete_discarded(desk.stack.jobs, time.time() + 60)
    assert not desk.stack.jobs.storage.exists(f"jobs/{asked['id']}")
