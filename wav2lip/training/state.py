"""Checkpoints of a training run: killed at any moment, it goes on from the last one."""

import fcntl
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from media.errors import NamedError, already_running

# Names in configurations of runs made by earlier versions of this program.
_RENAMED = {"look_every": "eval_interval", "rate": "learning_rate", "average": "ema_decay"}


class OtherRun(NamedError, ValueError):
    """A folder holds a run of another configuration."""


def claim(run: Path) -> None:
    """Keep other processes from the run in this folder, until this one ends.

    Raises NamedError `already-running` where one of them is at work.
    """
    run.mkdir(parents=True, exist_ok=True)
    # Never closed: that is what holds the lock.
    opened = os.open(run / ".lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.lockf(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError) as error:
        os.close(opened)
        raise already_running(run) from error


def save(path: Path, state: dict[str, Any]) -> None:
    """Write `state` so that `path` is always a whole file.

    What a kill leaves unfinished is written over by the next save: a state may have 600 MB.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.part")
    torch.save(state, partial)
    partial.replace(path)


def resume(
    path: Path, config: Mapping[str, Any], defaults: Mapping[str, Any]
) -> dict[str, Any] | None:
    """The state saved at `path` by a run of the same `config`, or None.

    What the saved configuration does not know yet was as in `defaults`. Raises OtherRun
    (`other-run`) where another configuration was saved: mixing two runs would be worse than
    stopping.
    """
    if not path.exists():
        return None
    state = torch.load(path, weights_only=True, map_location="cpu")
    known = {_RENAMED.get(name, name): value for name, value in state["config"].items()}
    saved = {name: defaults[name] for name in defaults if name in config} | known
    if saved != config:
        raise _other(path, saved, config)
    return state


def _other(path: Path, saved: Mapping[str, Any], config: Mapping[str, Any]) -> OtherRun:
    names = sorted(saved.keys() | config.keys())
    unlike = [f"{name} {saved.get(name)}" for name in names if saved.get(name) != config.get(name)]
    return OtherRun(
        "other-run",
        f"{path} belongs to a run with {', '.join(unlike)}.",
        "Ask for the same again to go on with it, or move it away, or choose another folder.",
    )
