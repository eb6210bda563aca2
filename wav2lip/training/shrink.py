"""A trained checkpoint as it ships: half precision, without what only training needs.

python -m wav2lip.training.shrink RUN/expert.pt checkpoints/expert.pt

For networks in Wav2Lip's layout; a compact checkpoint is put together by `export`.
"""

from collections.abc import Mapping
from pathlib import Path

import click
from torch import Tensor

from wav2lip import weights
from wav2lip.training import state
from wav2lip.training.command_line import FILE, NEW_FILE, Command


def main(checkpoint: Path, out: Path) -> int:
    """Write the shrunk `checkpoint` to `out`, with its configuration; returns its size in bytes.

    Raises NamedError `checkpoint-corrupt` for a file that cannot be read.
    """
    content = weights.read(checkpoint)
    described = {name: content[name] for name in ("architecture", "config", "global_step")}
    state.save(out, {**described, "state_dict": halved(weights.load_state_dict(checkpoint))})
    return out.stat().st_size


def halved(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights as they ship: in half precision, whole numbers as they are."""
    return {
        key: value.half() if value.is_floating_point() else value
        for key, value in state_dict.items()
    }


@click.command(cls=Command)
@click.argument("checkpoint", type=FILE)
@click.argument("out", type=NEW_FILE)
def command(checkpoint: Path, out: Path) -> None:
    """Write CHECKPOINT in half precision, without its optimizer, to OUT."""
    click.echo(f"{main(checkpoint, out)} bytes")


if __name__ == "__main__":
    command()
