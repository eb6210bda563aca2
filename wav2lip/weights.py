"""Reading checkpoints, in every layout met in the wild, without running code from them.

Official files hold `{"state_dict": ...}`, fine-tunes often put `module.` before every key or save
the bare state dict, and some are TorchScript archives, which plain `torch.load` refuses.
"""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import checkpoints
from media.errors import NamedError

_GENERATOR_KEY = "face_decoder_blocks.0.0.conv_block.0.weight"


def locate(name_or_path: str | Path) -> tuple[Path, str]:
    """The file and the architecture of a checkpoint's name, a path, or a file in the folder.

    Raises NamedError `checkpoint-missing`, `checkpoint-corrupt`, or `checkpoint-unsuitable` for
    weights that belong to no lip-sync engine.
    """
    name = str(name_or_path)
    listed = {checkpoint.name: checkpoint for checkpoint in checkpoints.all()}
    if name in listed:
        checkpoint = listed[name]
        if checkpoint.architecture not in checkpoints.GENERATORS:
            raise _unsuitable(name)
        return checkpoints.require(name), checkpoint.architecture
    path = checkpoints.find_file(name)
    if path is None:
        raise checkpoints.unknown(name)
    return path, architecture(path)


def locate_only(name: str, wanted: str, otherwise: str, remedy: str) -> Path:
    """As `locate`, the file of a checkpoint of the architecture `wanted`.

    Weights of another engine are `checkpoint-unsuitable` too: `otherwise` says what they are not.
    """
    path, found = locate(name)
    if found != wanted:
        raise NamedError("checkpoint-unsuitable", otherwise, remedy)
    return path


def architecture(path: Path) -> str:
    """Which engine a file of weights is for: what the file says of itself, or what its keys say.

    Raises NamedError `checkpoint-corrupt` or `checkpoint-unsuitable`.
    """
    content = read(path)
    declared = content.get("architecture")
    if declared in checkpoints.GENERATORS:
        return str(declared)
    if _GENERATOR_KEY in _state_dict(content):
        return "wav2lip"
    raise _unsuitable(path)


def load_state_dict(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by key, on the CPU, without the `module.` of parallel training.

    Raises NamedError `checkpoint-corrupt`.
    """
    return _state_dict(read(path))


def read(path: Path) -> Mapping[str, Any]:
    """What a file of weights holds at its top: plain containers and tensors, never code.

    Raises NamedError `checkpoint-corrupt` for a file that is damaged, or holds anything else.
    """
    try:
        if _is_torchscript(path):
            return torch.jit.load(path, map_location="cpu").state_dict()
        # Mapped, the optimizer's state that some files carry is never read from the disk.
        mapped = zipfile.is_zipfile(path)
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except Exception as error:  # damaged bytes lead a decoder to errors of every kind
        raise corrupt(path) from error
    if not isinstance(content, Mapping):
        raise corrupt(path)
    return content


def corrupt(path: Path) -> NamedError:
    """The error for a file of weights that cannot be used as what it claims to be."""
    return NamedError(
        "checkpoint-corrupt",
        f"{path} is not a readable file of weights.",
        "Copy or download it again; a file that needs pickled code to load is refused: "
        "save its state dict with torch.save instead.",
    )


def _is_torchscript(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def _state_dict(content: Mapping[str, Any]) -> dict[str, Tensor]:
    inner = content.get("state_dict", content)
    return {
        key.removeprefix("module."): value
        for key, value in inner.items()
        if isinstance(value, Tensor)
    }


def _unsuitable(what: str | Path) -> NamedError:
    return NamedError(
        "checkpoint-unsuitable",
        f"The weights of {what} belong to no lip-sync engine.",
        "Choose one of those that `mouth checkpoints` lists as compact or wav2lip.",
    )
