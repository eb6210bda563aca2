"""Where a training run stands, on disk: killed at any moment, it goes on from its last save.

Runs draw the batch of step i from `generator(seed, i)`, never from a running generator, so that a
resumed run sees what an unbroken one would have seen.
"""

import fcntl
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from media.errors import NamedError, already_running


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


def resume(path: Path, config: dict[str, Any]) -> dict[str, Any] | None:
    """The state saved at `path` by a run of the same `config`, or None.

    Raises OtherRun (`other-run`) where another configuration was saved: mixing two runs would be
    worse than stopping.
    """
    if not path.exists():
        return None
    state = torch.load(path, weights_only=True, map_location="cpu")
    if state["config"] != config:
        raise _other(path, state["config"], config)
    return state


def _other(path: Path, saved: dict[str, Any], config: dict[str, Any]) -> OtherRun:
    names = sorted(saved.keys() | config.keys())
    unlike = [f"{name} {saved.get(name)}" for name in names if saved.get(name) != config.get(name)]
    return OtherRun(
        "other-run",
        f"{path} belongs to a run with {', '.join(unlike)}.",
        "Ask for the same again to go on with it, or move it away, or choose another folder.",
    )


def generator(seed: int, step: int) -> np.random.Generator:
    """The random numbers of one step; seeds torch's own (dropout) as well."""
    torch.manual_seed(seed * 1_000_003 + step)
    return np.random.default_rng((seed, step))
