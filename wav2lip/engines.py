"""The registry of lip-sync engines: which class loads the weights of which architecture."""

from collections.abc import Callable
from pathlib import Path

from media.errors import NamedError
from wav2lip.engine import PRECISIONS, Engine, Precision


def load(
    name_or_path: str | Path = "compact",
    device: str | None = None,
    batch_size: int | None = None,
    precision: str = "auto",
) -> Engine:
    """The engine for a checkpoint of the manifest, or for a file of weights, ready to use.

    `device` is torch's ("cpu", "cuda", "mps"), by default the fastest here; `batch_size` is the
    number of faces that wav2lip draws at a time. `precision` is one of PRECISIONS:

    - "fp32": float32, nothing is rounded for speed
    - "half": half precision where that is faster; differs by a level or two of 255
    - "int8": post-training quantization of wav2lip on a CPU, within some levels; others as "half"
    - "auto": "int8" where its extra is installed, the CPU has instructions for it and the weights
      bear it, otherwise "half"

    Raises NamedError `checkpoint-missing`, `checkpoint-corrupt`, `checkpoint-unsuitable` (no
    lip-sync weights), `openvino-missing`, or `bad-option` for another precision.
    """
    if precision not in PRECISIONS:
        raise NamedError(
            "bad-option",
            f"There is no precision {precision!r}.",
            f"Choose one of {', '.join(PRECISIONS)}.",
        )
    # torch takes seconds to import: `import wav2lip` must not wait for it.
    from wav2lip import weights

    path, architecture = weights.locate(name_or_path)
    return LOADERS[architecture](path, device, batch_size, precision)


def _load_compact(
    path: Path, device: str | None, _batch_size: int | None, precision: Precision
) -> Engine:
    from wav2lip.compact.engine import CompactEngine

    return CompactEngine.from_checkpoint(path, device, precision)


def _load_wav2lip(
    path: Path, device: str | None, batch_size: int | None, precision: Precision
) -> Engine:
    from wav2lip.wav2lip_engine import Wav2LipEngine

    return Wav2LipEngine.from_checkpoint(path, device, batch_size, precision)


Loader = Callable[[Path, str | None, int | None, Precision], Engine]
# By architecture, as `weights.locate` tells it.
LOADERS: dict[str, Loader] = {"compact": _load_compact, "wav2lip": _load_wav2lip}
