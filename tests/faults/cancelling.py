"""`python -m tests.faults.cancelling`: how soon a cancelled job lets go, in each of its states.

The source is a film of 1920x1080, whose frames cost much.
"""

import tempfile
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from jobs.choices import VoiceChoice
from jobs.storage import is_locked
from media.video_writer import VideoWriter
from tests.faults.material import face, speak
from tests.faults.program import Program, pause

BOX = [1000, 100, 1440, 700]


def film(folder: Path, frames: int) -> Path:
    """A large picture of a face that drifts to the right."""
    path = folder / f"{frames}.mp4"
    large = np.zeros((1080, 1920, 3), np.uint8)
    large[:, 840:] = np.array(Image.fromarray(face()).resize((1080, 1080)))
    with VideoWriter(path, 1920, 1080, Fraction(25)) as writer:
        for shift in range(frames):
            writer.write(np.roll(large, 4 * shift, axis=1))
    return path


class Cancelling:
    """Jobs of which each is cancelled in another state."""

    def __init__(self, program: Program, folder: Path) -> None:
        self._program = program
        self._jobs = program.jobs
        self._source = self._jobs.create_upload("me", film(folder, 100), "film").id
        speak(folder / "voice.wav", 4.0)
        self._voice = self._jobs.create_upload("me", folder / "voice.wav", "voice").id

    def job(self, times: int = 1, **options: object) -> str:
        """A new job, which lasts so many times as long as the voice."""
        voices = [VoiceChoice(self._voice, 1, start=4.0 * n) for n in range(times)]
        return self._jobs.create_job("me", self._source, voices, options).id

    def measure_device(self, step: str, **options: object) -> tuple[float, float]:
        """Seconds from the request to cancel until the work has ended, and until the next job
        that waited for the device is at work.
        """
        job_id = self.job(**options)
        self._program.until(f"{step} at work", lambda: self._is_running(job_id, step))
        next_id = self.job(box=BOX)
        self._program.until("the next to wait", lambda: self._is_sent(next_id))
        pause(1.0)
        worker = self._program.find("engine-child")
        began = time.monotonic()
        self._jobs.cancel(job_id)
        ended = 0.0
        while not self._is_running(next_id, "render"):
            if not ended and not (worker and worker.is_running()):
                ended = time.monotonic() - began
            pause(0.02)
        taken = time.monotonic() - began
        self._jobs.cancel(next_id)
        self._program.until("the device to be free", lambda: not self._files_are_held())
        return ended or taken, taken

    def measure_files(self, step: str, **options: object) -> float:
        """Seconds from the request to cancel until the step holds no half-made files."""
        job_id = self.job(**options)
        self._program.until(
            f"{step} at work", lambda: self._is_running(job_id, step) and self._files_are_held()
        )
        began = time.monotonic()
        self._jobs.cancel(job_id)
        while self._files_are_held():
            pause(0.02)
        return time.monotonic() - began

    def _is_running(self, job_id: str, step: str) -> bool:
        found = [s for s in self._jobs.job(job_id).segments if s.step == step]
        return any(s.state == "running" for s in found)

    def _is_sent(self, job_id: str) -> bool:
        return any(
            s.step == "render" and s.state == "sent" for s in self._jobs.job(job_id).segments
        )

    def _files_are_held(self) -> bool:
        return any(is_locked(folder) for folder in self._jobs.settings.work_dir.iterdir())


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = Program(folder, SEGMENT_SECONDS="4")
        program.start()
        try:
            cancelling = Cancelling(program, folder)
            for step, options in (("detect", {}), ("render", {"box": BOX})):
                ended, taken = cancelling.measure_device(step, **options)
                print(f"{step}: ended after {ended:.2f} s, next at work after {taken:.2f} s")
            for step, options in (("link", {}), ("stitch", {"box": BOX})):
                print(f"{step}: ended after {cancelling.measure_files(step, **options):.2f} s")
        finally:
            program.stop()


if __name__ == "__main__":
    main()
