"""Put the trained networks into one file that the engine loads.

    python -m wav2lip.training.export VOICE_RUN RENDERER_RUN checkpoints/compact.pt

Numbers are stored in half precision, with the configurations they were trained in.
"""

from pathlib import Path
from typing import Any

import click
import torch

from media.errors import NamedError
from wav2lip.training import state
from wav2lip.training.command_line import FOLDER, NEW_FILE, Command
from wav2lip.training.shrink import halved


def main(voice_run: Path, renderer_run: Path, out: Path) -> int:
    """Write `out`; returns its size in bytes.

    Raises NamedError `checkpoint-missing` where one of the trainings has not ended, and
    `checkpoint-unsuitable` where the two measured mouths in different units: the renderer would not
    understand the voice nets.
    """
    voice, renderer = (
        _result(path) for path in (voice_run / "voice.pt", renderer_run / "renderer.pt")
    )
    if not torch.allclose(voice["unit"], renderer["unit"], rtol=0.1):
        raise NamedError(
            "checkpoint-unsuitable",
            f"{voice_run} and {renderer_run} measured mouths in different units.",
            "Train both on the same prepared clips, or go on from the same weights.",
        )
    # Silent clips teach the renderer alone, so the two units differ by a few per cent.
    scale = voice["unit"] / renderer["unit"]
    state.save(
        out,
        {
            "architecture": "compact",
            "config": {"voice": voice["config"], "renderer": renderer["config"]},
            "voice_network": voice.get("network", "voice_net"),
            "voice": [halved(net) for net in voice["nets"]],
            "renderer": halved(renderer["renderer"]),
            "speaker": {name: voice[name] * scale for name in ("mean", "deviation", "closed")},
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
@click.argument("voice_run", type=FOLDER)
@click.argument("renderer_run", type=FOLDER)
@click.argument("out", type=NEW_FILE)
def command(voice_run: Path, renderer_run: Path, out: Path) -> None:
    """Put VOICE_RUN/voice.pt and RENDERER_RUN/renderer.pt into one file, OUT."""
    click.echo(f"{main(voice_run, renderer_run, out)} bytes")


if __name__ == "__main__":
    command()
