"""The JSON body of a request, read field by field; whatever is wrong is named."""

from collections.abc import Set
from typing import Any

from flask import Request

from media.errors import NamedError


class Body:
    """A JSON object that may have the `known` fields and no others.

    Every method raises NamedError `bad-field`, which says where the fault is.
    """

    def __init__(self, source: Request | Any, known: Set[str], path: str = "") -> None:
        self._path = path
        values = source.get_json() if isinstance(source, Request) else source
        if not isinstance(values, dict):
            raise NamedError(
                "bad-field",
                f"{path or 'The body'} must be a JSON object.",
                "See /api/v1/openapi.json for its fields.",
            )
        self._values: dict[str, Any] = values
        if unknown := sorted(values.keys() - known):
            raise self.wrong(unknown[0], "there is no such field")

    def string(self, name: str, most: int = 255) -> str:
        value = self._values.get(name)
        if not isinstance(value, str) or not 0 < len(value) <= most or not value.isprintable():
            raise self.wrong(name, f"it must be a string of 1 to {most} characters")
        return value

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self._values.get(name) is not None

    def boolean(self, name: str) -> bool | None:
        value = self._values.get(name)
        if value is not None and not isinstance(value, bool):
            raise self.wrong(name, "it must be true or false")
        return value

    def integer(self, name: str, low: int = 1) -> int | None:
        """A number from `low`, or None."""
        value = self._values.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value < 2**31:
            raise self.wrong(name, f"it must be a whole number from {low}")
        return value

    def number(self, name: str, low: float, high: float) -> float:
        """A number from `low` to `high`; 0 when it is not given."""
        value = self._values.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.wrong(name, "it must be a number")
        if not low <= value <= high:
            raise self.wrong(name, f"it must be from {low:g} to {high:g}")
        return float(value)

    def fields(self, name: str) -> dict[str, Any]:
        """An object whose fields somebody else checks; empty when it is not given."""
        value = self._values.get(name, {})
        if not isinstance(value, dict):
            raise self.wrong(name, "it must be an object")
        return value

    def object(self, name: str, known: Set[str]) -> "Body | None":
        """An object, or None."""
        value = self._values.get(name)
        return None if value is None else Body(value, known, self._inside(name))

    def objects(self, name: str, known: Set[str]) -> list["Body"]:
        """The objects of a list, which must be there."""
        value = self._values.get(name)
        if not isinstance(value, list):
            raise self.wrong(name, "it must be a list")
        return [Body(each, known, f"{name}[{index}]") for index, each in enumerate(value)]

    def wrong(self, name: str, why: str) -> NamedError:
        """That a field cannot be used, to be raised."""
        return NamedError(
            "bad-field",
            f"The field {self._inside(name)!r} cannot be used: {why}.",
            "See /api/v1/openapi.json for what it may be.",
        )

    def _inside(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name
