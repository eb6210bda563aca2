"""The lip-sync engines: `wav2lip.load(name)` gives one, whatever network is behind it."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wav2lip.engine import Engine
    from wav2lip.engines import load

__all__ = ["Engine", "load"]


def __getattr__(name: str) -> Any:
    """Import numpy with the engines, not with the options of commands: `mouth --help` is quick."""
    if name == "Engine":
        from wav2lip.engine import Engine

        return Engine
    if name == "load":
        from wav2lip.engines import load

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
