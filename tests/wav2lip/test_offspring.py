"""Workers end with the process that they work for."""

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from wav2lip.offspring import working

def work(pipe):
    reached = Path(pipe).open("w")  # waits for a reader
    reached.write("here")
    reached.flush()
    Path(pipe + ".never").open("w")  # waits for ever

if __name__ == "__main__":
    with working(1) as pool:
        pool.submit(work, {pipe!r})
"""


def test_workers_do_not_outlive_who_is_killed(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    os.mkfifo(f"{pipe}.never")
    script = tmp_path / "killed.py"
    script.write_text(SCRIPT.format(root=str(ROOT), pipe=str(pipe)))
    process = subprocess.Popen([sys.executable, str(script)], stderr=subprocess.DEVNULL)
    with pipe.open() as reached:
        assert reached.read(4) == "here"
        process.send_signal(signal.SIGKILL)
        process.wait()
        # The end of the file: nobody has it open any more.
        assert reached.read() == ""
