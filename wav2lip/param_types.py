"""What options may be, where click has no type for it: numbers, devices, checkpoints."""

import math
from collections.abc import Collection
from typing import Any

import click

import checkpoints


class FiniteRange(click.FloatRange):
    """A number within bounds, which click does not ask of "nan"."""

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> Any:
        number = super().convert(value, param, context)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, context)
        return number


class Device(click.ParamType):
    """A name that torch knows as a device, such as cpu or cuda:1, and that this machine has."""

    name = "device"

    def convert(
        self, value: str, param: click.Parameter | None, context: click.Context | None
    ) -> str:
        if value == "cpu":  # no need to import torch for it
            return value
        import torch

        try:
            torch.empty(0, device=value)
        except (RuntimeError, AssertionError) as error:  # the latter of a torch without CUDA
            self.fail(f"{value!r} is not here: {str(error).splitlines()[0]}.", param, context)
        return value


class CheckpointType(click.ParamType):
    """The name of a checkpoint of one of these architectures, or a file of weights.

    What is in a file is seen when it is read.
    """

    name = "checkpoint"

    def __init__(self, architectures: Collection[str]) -> None:
        self.architectures = architectures

    def convert(
        self, value: str, param: click.Parameter | None, context: click.Context | None
    ) -> str:
        if not checkpoints.may_be(value, self.architectures):
            known = ", ".join(checkpoints.names(self.architectures))
            self.fail(
                f"{value!r} is no checkpoint for this. Known are {known}; or give the path of a "
                "file of weights.",
                param,
                context,
            )
        return value


DEVICE = Device()
LIP_SYNC = CheckpointType(checkpoints.GENERATORS)
SYNC_EXPERT = CheckpointType(("expert", "syncnet"))
VOICE_ACTIVITY = CheckpointType(("speech",))
