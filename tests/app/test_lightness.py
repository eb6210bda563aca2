import subprocess
import sys


def test_the_web_process_loads_no_engine() -> None:
    program = (
        "import sys, app, app.api, app.pages, app.jobs_access\n"
        "print(*({'torch', 'cv2', 'librosa', 'face_detection', 'wav2lip'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
