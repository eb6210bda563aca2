"""Put the trained networks into one file that the engine loads.

    python -m wav2lip.training.export VOICE_RUN RENDERER_RUN checkpoints/compact.pt

Numbers are stored in half precision, with the configurations they were trained in.
"""

from pathlib import Path

import click
import torch

from wav2lip.training import state
from wav2lip.training.command_line import FOLDER, NEW_FILE, Command
from wav2lip.training.shrink import halved


def main(voice_run: Path, renderer_run: Path, out: Path) -> int:
    """Write `out`; returns its size in bytes.

    Raises ValueError where the two runs measured mouths in different units: they would not
    understand each other.
    """
    voice, renderer = (
        torch.load(path, map_location="cpu", weights_only=True)
        for path in (voice_run / "voice.pt", renderer_run / "renderer.pt")
    )
    if not torch.allclose(voice["unit"], renderer["unit"], rtol=0.1):
        raise ValueError("voice and renderer were trained on different mouths: prepare them alike")
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


@click.command(cls=Command)
@click.argument("voice_run", type=FOLDER)
@click.argument("renderer_run", type=FOLDER)
@click.argument("out", type=NEW_FILE)
def command(voice_run: Path, renderer_run: Path, out: Path) -> None:
    """Put VOICE_RUN/voice.pt and RENDERER_RUN/renderer.pt into one file, OUT."""
    click.echo(f"{main(voice_run, renderer_run, out)} bytes")


if __name__ == "__main__":
    command()
