"""Workers end with the process that they work for."""

import os
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from wav2lip.process_pool import working

def work(pipe):
    reached = Path(pipe).open("w")  # waits for a reader
    reached.write("here")
    reached.flush()
    Path(pipe + ".never").open("w")  # waits for ever

if __name__ == "__main__":
    with working(1) as pool:
        pool.submit(work, {pipe!r})
"""


def test_workers_do_not_outlive_who_is_killed(
    tmp_path: Path, kill_when_reached: Callable[[Path, Path], None]
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    os.mkfifo(f"{pipe}.never")
    script = tmp_path / "killed.py"
    script.write_text(SCRIPT.format(root=str(ROOT), pipe=str(pipe)))
    kill_when_reached(script, pipe)
