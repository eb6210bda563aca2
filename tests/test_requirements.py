"""What is locked, and for which Pythons."""

import platform
import re
import tomllib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
HERE = platform.python_version()
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]


def test_requirements_lock_all_that_is_needed_and_nothing_else() -> None:
    needed = needs(PROJECT["project"]["dependencies"])
    assert locked("requirements.txt") == needed


def test_development_requirements_lock_the_rest() -> None:
    runtime = locked("requirements.txt")
    needed = needs(PROJECT["dependency-groups"]["dev"])
    assert locked("requirements-dev.txt") == {
        name: version for name, version in needed.items() if name not in runtime
    }


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_has_what_other_pythons_need(python: str) -> None:
    """What packages that are installed here ask for there, such as modules that Python lost."""
    pins = locked("requirements.txt", python) | locked("requirements-dev.txt", python)
    wanted = PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["dev"]
    missing = needs(wanted, python).keys() - pins.keys()
    assert missing == set()


def test_the_same_pythons_are_named_everywhere() -> None:
    first, last = PYTHONS[0], PYTHONS[-1]
    assert PROJECT["project"]["requires-python"] == f">={first},<3.{int(last[2:]) + 1}"
    makefile = (ROOT / "Makefile").read_text()
    assert re.findall(r"\bpython(3\.\d+)\b", makefile) == [*reversed(PYTHONS)]
    assert PROJECT["tool"]["mypy"]["python_version"] == first
    assert PROJECT["tool"]["ruff"]["target-version"] == f"py{first.replace('.', '')}"
    assert re.search(
        rf"Python {re.escape(first)} to {re.escape(last)}", (ROOT / "README.md").read_text()
    )


def test_torch_is_the_same_wherever_it_is_named() -> None:
    pins = {
        name: set(re.findall(r"\btorch==([\w.]+)", (ROOT / name).read_text()))
        for name in ("pyproject.toml", "Makefile", "Dockerfile", "requirements.txt", "README.md")
    }
    versions = set.union(*pins.values())
    assert len(versions) == 1
    assert all(pins.values()), pins
    assert metadata.version("torch").split("+")[0] in versions


@pytest.mark.parametrize(
    "name",
    [
        *("requirements.txt", "requirements-dev.txt", "requirements-openvino.txt"),
        *("Makefile", "Dockerfile", ".ci/run"),
    ],
)
def test_packages_come_from_wherever_pip_is_told(name: str) -> None:
    text = (ROOT / name).read_text()
    assert not re.search(r"index-url|find-links|trusted-host|https?://", text)


def locked(name: str, python: str = HERE) -> dict[str, str]:
    """Names and versions that a file of requirements locks for that Python."""
    lines = (ROOT / name).read_text().splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {
        canonicalize_name(pin.name): str(pin.specifier).removeprefix("==")
        for pin in pins
        if holds(pin, python)
    }


def needs(wanted: list[str], python: str = HERE) -> dict[str, str]:
    """Installed version of all that `wanted` asks for under that Python, directly or not, each
    held to every bound; "" for what is not installed because only another Python needs it.

    torch is outside: it comes first and brings what its build needs. What it shares with others
    is not, and must suit it too.
    """
    found: dict[str, str] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    queue = [each for each in map(Requirement, wanted) if holds(each, python)]
    while queue:
        requirement = queue.pop()
        name = canonicalize_name(requirement.name)
        name = {"opencv-python": "opencv-python-headless"}.get(name, name)
        if name == "torch" or (name, frozenset(requirement.extras)) in seen:
            continue
        seen.add((name, frozenset(requirement.extras)))
        if python != HERE and not is_installed(name):
            found[name] = ""
            continue
        found[name] = metadata.version(name)
        assert requirement.specifier.contains(found[name], prereleases=True), requirement
        queue += asked_for(name, requirement.extras, python)
    for shared in asked_for("torch", set(), python):
        name = canonicalize_name(shared.name)
        assert name not in found or shared.specifier.contains(found[name]), shared
    return found


def asked_for(name: str, extras: set[str], python: str) -> list[Requirement]:
    requirements = [Requirement(text) for text in metadata.requires(name) or []]
    return [each for each in requirements if holds(each, python, extras)]


def holds(requirement: Requirement, python: str, extras: Iterable[str] = ()) -> bool:
    """Whether a requirement's marker is true under a Python, given by its full version or not."""
    version = {"python_full_version": python, "python_version": ".".join(python.split(".")[:2])}
    return requirement.marker is None or any(
        requirement.marker.evaluate({**version, "extra": extra}) for extra in {"", *extras}
    )


def is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True
