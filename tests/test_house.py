"""The rules of the house: who may import whom, what is locked, what no file may contain."""

import ast
import platform
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from processes.serve import PROCFILE, processes

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
HERE = platform.python_version()
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]

# Arrows run downwards only. A dotted name allows that module and nothing beside it.
ARROWS = {
    "media": set(),
    "checkpoints": {"media.errors"},
    "face_detection": {"media", "checkpoints"},
    "wav2lip": {"media", "checkpoints"},
    "rendering": {"media", "checkpoints", "face_detection", "wav2lip"},
    "dataset": {"media", "checkpoints", "face_detection", "wav2lip"},
    "jobs": {
        "media.badge",
        "media.certificate",
        "media.errors",
        "media.probe",
        "media.sandbox",
        "media.timeline",
        "checkpoints",
        "rendering.options",
    },
    "processes": {"jobs", "media.errors"},
    "workers": {
        "media",
        "checkpoints",
        "face_detection",
        "rendering",
        "jobs",
        "processes.openmp",
        "processes.supervisor",
    },
    "app": {"jobs", "media", "checkpoints", "rendering.options"},
    "commands": {
        "media",
        "checkpoints",
        "face_detection",
        "wav2lip",
        "rendering",
        "dataset",
        "jobs",
        "processes",
        "app",
    },
}
EXTRA_ARROWS = {"wav2lip/training": {"face_detection"}, "wav2lip/evaluation": {"face_detection"}}
BANNED = {
    "media": {"torch", "flask", "celery", "sqlalchemy"},
    "face_detection": {"flask", "celery", "sqlalchemy"},
    "wav2lip": {"flask", "celery", "sqlalchemy"},
    "rendering": {"flask", "celery", "sqlalchemy"},
    "jobs": {"torch", "flask"},
    "app": {"torch", "cv2", "librosa", "celery"},
}


@pytest.mark.parametrize("package", ARROWS)
def test_imports_only_run_downwards(package: str) -> None:
    for path in sorted((ROOT / package).rglob("*.py")):
        allowed = {package} | ARROWS[package]
        for folder, more in EXTRA_ARROWS.items():
            if path.is_relative_to(ROOT / folder):
                allowed |= more
        for line, name in imports(path):
            where = f"{path.relative_to(ROOT)}:{line} imports {name}"
            top = name.split(".")[0]
            assert top not in BANNED.get(package, set()), where
            if top in ARROWS or top == "cli":
                assert any(name == a or name.startswith(f"{a}.") for a in allowed), where


def test_every_package_is_installed() -> None:
    patterns = PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
    assert {pattern.rstrip("*") for pattern in patterns} == {*ARROWS, "static", "templates"}


def test_the_web_process_stays_small() -> None:
    heavy = ["torch", "cv2", "librosa", "pandas", "workers", "rendering.spec", "wav2lip.audio"]
    code = f"import app, sys; print(*[name for name in {heavy} if name in sys.modules])"
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert answer.stdout.split() == []


def test_no_file_is_a_drawer_for_odds_and_ends() -> None:
    drawers = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert [path for path in texts() if path.stem in drawers] == []


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    places = re.compile(r"(?<![\w.~-])/(?:" + "|".join(["work", "home", "root", "Users"]) + r")/")
    unfinished = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X"]) + r")\b")
    for path in texts():
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            where = f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
            assert not places.search(line), where
            assert not unfinished.search(line), where


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


def test_compose_starts_the_processes_of_the_procfile() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    started = {
        service["command"][-1] for service in compose["services"].values() if "build" in service
    }
    assert started == set(processes(PROCFILE)) - {"redis"}
    assert "redis" in compose["services"]


def test_containers_run_without_rights() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users[-1:] == ["mouth"]
    assert lines.index("USER mouth") < len(lines) - 1
    part = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["x-part"]
    assert part["cap_drop"] == ["ALL"]
    assert part["security_opt"] == ["no-new-privileges:true"]


def test_every_process_gets_the_signals_meant_for_it() -> None:
    for name, command in processes(PROCFILE).items():
        assert command.startswith("exec "), f"a shell would stand between: {name}"


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything a file imports, wherever in the file that is."""
    package = path.relative_to(ROOT).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def texts() -> Iterator[Path]:
    """Every text file that is ours."""
    kinds = {".py", ".md", ".txt", ".toml", ".yml", ".json", ".html", ".css", ".js", ".mako"}
    names = {"Makefile", "Dockerfile", "Procfile", "run", ".gitignore", ".dockerignore"}
    for top in sorted(ROOT.iterdir()):
        if top.name in {".git", ".venv", "var", "build"} or top.name.endswith("_cache"):
            continue
        for path in [top] if top.is_file() else sorted(top.rglob("*")):
            if path.is_file() and (path.suffix in kinds or path.name in names):
                yield path


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
