"""A whole job as the benchmarks time it."""

import time
from pathlib import Path

from benchmarks import job, material
from commands import local_job
from jobs.settings import Settings
from media.probe import probe
from rendering import models


def test_a_job_is_timed_from_the_files_to_the_video(tmp_path: Path) -> None:
    settings = Settings(var_dir=tmp_path / "var")
    (tmp_path / "var").mkdir()
    source = local_job.open_source(material.still(tmp_path / "still.png"), {}, settings)
    voice = material.voice(tmp_path / "voice.wav", 0.4)
    engine = models.engine_for(source, "fp32")
    began = time.process_time()
    with job.first_batch_noted(engine) as moments:
        detector = job.detector_for(source, None)
        job.run(source, voice, tmp_path / "out.mp4", detector, engine, settings)
    assert probe(tmp_path / "out.mp4").frames == 10
    assert len(moments) == 1
    assert began < moments[0] < time.process_time()
