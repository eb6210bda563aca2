"""`python -m tests.faults.cancelling`: how soon a cancelled job lets go, in each of its states.

The source is a film of 1920x1080, whose frames cost much. Freed is: the job is cancelled, and the
next one in the queue is at work, or, for steps off the device, the files of the step are let go.
"""

import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from jobs.choices import VoiceChoice
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

    def measure(self, step: str, on_device: bool, **options: object) -> float:
        """Seconds from the request to cancel until the step's place is free."""
        job_id = self.job(**options)
        self._program.until(f"{step} at work", lambda: self._is_running(job_id, step))
        next_id = self.job(box=BOX) if on_device else ""
        if on_device:
            self._program.until("the next to wait", lambda: self._is_sent(next_id))
        pause(1.0)
        began = time.monotonic()
        self._jobs.cancel(job_id)
        free: Callable[[], bool] = (
            (lambda: self._is_running(next_id, "render")) if on_device else self._no_files_are_held
        )
        while not free():
            pause(0.02)
        seconds = time.monotonic() - began
        if on_device:
            self._jobs.cancel(next_id)
            self._program.until("the device to be free", self._no_files_are_held)
        return seconds

    def _is_running(self, job_id: str, step: str) -> bool:
        found = [s for s in self._jobs.job(job_id).segments if s.step == step]
        return any(s.state == "running" for s in found)

    def _is_sent(self, job_id: str) -> bool:
        return any(
            s.step == "render" and s.state == "sent" for s in self._jobs.job(job_id).segments
        )

    def _no_files_are_held(self) -> bool:
        self._jobs.storage.clear_scratch(0.0)
        return not any(self._jobs.settings.work_dir.iterdir())


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = Program(folder, SEGMENT_SECONDS="4")
        program.start()
        try:
            cancelling = Cancelling(program, folder)
            for step, on_device, options in (
                ("detect", True, {}),
                ("render", True, {"box": BOX}),
                ("link", False, {}),
                ("stitch", False, {"box": BOX}),
            ):
                seconds = cancelling.measure(step, on_device, **options)  # type: ignore[arg-type]
                print(f"{step}: {seconds:.2f} s", flush=True)
        finally:
            program.stop()


if __name__ == "__main__":
    main()
