"""Put the trained networks into one file that the engine loads.

    python -m wav2lip.training.export VOICE_RUN RENDERER_RUN checkpoints/compact.pt

Numbers are stored in half precision, with the configurations they were trained in.
"""

import argparse
from pathlib import Path

import torch

from wav2lip.training import state
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
            "voice": [halved(net) for net in voice["nets"]],
            "renderer": halved(renderer["renderer"]),
            "speaker": {name: voice[name] * scale for name in ("mean", "deviation", "closed")},
            "unit": renderer["unit"],
        },
    )
    return out.stat().st_size


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("voice_run", type=Path)
    parser.add_argument("renderer_run", type=Path)
    parser.add_argument("out", type=Path)
    print(main(**vars(parser.parse_args())), "bytes")
