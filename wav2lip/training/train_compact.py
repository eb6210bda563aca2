"""Train compact, the default model: from clips of talking people to a checkpoint.

    mouth train compact CLIPS RUN

Prepared clips (RUN/prepared), voice nets (RUN/voice.pt), renderer (RUN/renderer.pt), and both in
one file, RUN/compact.pt. Hyper-parameters: config.VoiceConfig and config.RendererConfig.
"""

from dataclasses import replace
from pathlib import Path

from wav2lip.training import command_line, export, prepare, train_renderer, train_voice
from wav2lip.training.config import CompactConfig
from wav2lip.training.report import Report
from wav2lip.training.stages import compact_checkpoint


def main(
    clips: Path,
    run: Path,
    config: CompactConfig,
    table: Path | None = None,
    device: str = "cpu",
    processes: int = 2,
) -> Path:
    """Prepare the videos under `clips` in `processes` and train on them; returns run/compact.pt.

    With `config.start` and without a `table`, everyone in the clips is learned from. Raises
    NamedError `checkpoint-unsuitable` where it starts from no compact weights, and as the trainings
    of both parts do.
    """
    if config.start:
        everyone = config.everyone or table is None
        config = replace(config, start=str(compact_checkpoint(config.start)), everyone=everyone)
    report = Report(run / "report.html", "Training compact", train_renderer.STAGES[-1])
    prepared = run / "prepared"
    prepare.main(clips, prepared, processes)
    train_voice.main(prepared, run, config.voice(), table, device, report)
    train_renderer.main(prepared, run, config.renderer(), table, device, report)
    export.main([run], run, run / "compact.pt")
    return run / "compact.pt"


if __name__ == "__main__":
    command_line.compact()
