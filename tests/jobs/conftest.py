from pathlib import Path

import pytest

from jobs.service import Jobs
from jobs.settings import Settings


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    """Jobs with a real database and a real folder of files; no broker answers."""
    jobs = Jobs(Settings(var_dir=tmp_path / "var"))
    jobs.database.migrate()
    return jobs
