"""Put the trained networks into one file that the engine loads.

    python -m wav2lip.training.export VOICE_RUN ... RENDERER_RUN checkpoints/compact.pt

The networks of several voice runs, of `train voice` and `train student`, become one ensemble.
Numbers are stored in half precision, with the configurations they were trained in.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import torch

from media.errors import NamedError
from wav2lip.training import state
from wav2lip.training.command_line import FOLDER, NEW_FILE, Command
from wav2lip.training.shrink import halved


def main(voice_runs: Sequence[Path], renderer_run: Path, out: Path, gain: float = 1.0) -> int:
    """Write `out`; returns its size in bytes.

    The speaker is that of the first voice run, his deviations multiplied by `gain`: the mean of
    networks that do not agree moves less than each of them. Raises NamedError `checkpoint-missing`
    where one of the trainings has not ended, and `checkpoint-unsuitable` where two measured mouths
    in different units: the renderer would not understand the voice networks.
    """
    voices = [_result(run / "voice.pt") for run in voice_runs]
    renderer = _result(renderer_run / "renderer.pt")
    for run, voice in zip(voice_runs, voices, strict=True):
        if not torch.allclose(voice["unit"], renderer["unit"], rtol=0.1):
            raise NamedError(
                "checkpoint-unsuitable",
                f"{run} and {renderer_run} measured mouths in different units.",
                "Train both on the same prepared clips, or go on from the same weights.",
            )
    voice = voices[0]
    # Silent clips teach the renderer alone, so the units differ by a few per cent.
    scale = voice["unit"] / renderer["unit"]
    speaker = {name: voice[name] * scale for name in ("mean", "deviation", "closed")}
    state.save(
        out,
        {
            "architecture": "compact",
            "config": {
                "voice": [each["config"] for each in voices],
                "renderer": renderer["config"],
            },
            "voice_network": [name for each in voices for name in each["networks"]],
            "voice": [halved(net) for each in voices for net in each["nets"]],
            "renderer": halved(renderer["renderer"]),
            "speaker": speaker | {"deviation": gain * speaker["deviation"]},
            "unit": renderer["unit"],
        },
    )
    return out.stat().st_size


def _result(path: Path) -> dict[str, Any]:
    if not path.is_file():
        problem, remedy = f"{path} is missing.", "Train it to the end first."
        raise NamedError("checkpoint-missing", problem, remedy)
    return torch.load(path, map_location="cpu", weights_only=True)


@click.command(cls=Command)
@click.argument("voice_runs", type=FOLDER, nargs=-1, required=True, metavar="VOICE_RUN...")
@click.argument("renderer_run", type=FOLDER)
@click.argument("out", type=NEW_FILE)
@click.option("--gain", default=1.0, show_default=True, help="Factor on how far mouths move.")
def command(voice_runs: tuple[Path, ...], renderer_run: Path, out: Path, gain: float) -> None:
    """Put each VOICE_RUN/voice.pt and RENDERER_RUN/renderer.pt into one file, OUT."""
    click.echo(f"{main(voice_runs, renderer_run, out, gain)} bytes")


if __name__ == "__main__":
    command()
