"""The rules of the house: who may import whom, who opens which files, what no file contains."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
import yaml

from processes.serve import PROCFILE, processes

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

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
# Where a file names a place outside of its package, and why.
OUTSIDE = {
    "checkpoints/__init__.py": "asks whether the program lies in a checkout",
    "media/sandbox.py": "starts `python -m` where the packages lie",
    "processes/serve.py": "starts `python -m` where the packages lie",
}
FILES_OF = {"app": {"app", "static", "templates"}}  # a package's folders, if not only its own
LIBRARIES = ("media", "face_detection", "wav2lip", "rendering")  # settings are their arguments
ENVIRONMENT = {"media/sandbox.py": "hands some variables on to the process it starts"}
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


def test_migrations_follow_each_other() -> None:
    """Two that follow the same one are written side by side: the later one takes a new number."""
    pattern = re.compile(r'^revision = "(\d+)"\ndown_revision = (?:"(\d+)"|None)$', re.MULTILINE)
    files = sorted((ROOT / "jobs" / "migrations" / "versions").glob("*.py"))
    chain = [pattern.findall(path.read_text())[0] for path in files]
    assert chain == [(f"{n + 1:04}", f"{n:04}" if n else "") for n in range(len(files))]


def test_no_two_files_import_each_other_in_a_circle() -> None:
    files = [path for package in ARROWS for path in sorted((ROOT / package).rglob("*.py"))]
    assert len(files) > 200
    graph = {path: {file_of(name) for _, name in imports(path)} - {path, None} for path in files}
    assert circle(graph) == []


def test_a_circle_is_seen() -> None:
    a, b, c = Path("a.py"), Path("b.py"), Path("c.py")
    assert circle({a: {b}, b: {c}, c: {b}}) in ([b, c, b], [c, b, c])
    assert circle({a: {b, c}, b: {c}}) == []


@pytest.mark.parametrize("package", ARROWS)
def test_no_package_opens_the_files_of_another(package: str) -> None:
    for path in sorted((ROOT / package).rglob("*.py")):
        name = str(path.relative_to(ROOT))
        strangers = sorted(strange_places(path.read_text(), path))
        assert bool(strangers) == (name in OUTSIDE), f"{name}: {strangers}"


@pytest.mark.parametrize(
    "source",
    [
        'VOICE = Path(__file__).resolve().parent.parent / "static" / "voice.mp3"',
        "def read():\n    return Path(__file__).parents[1]",
        'HERE = Path(__file__).parent\nVOICE = HERE.parent / "static"',
        'open("static/sample/voice.mp3")',
        'load("../checkpoints/compact.pt")',
        "import media.sample\nplace = Path(media.sample.__file__)",
        'from importlib.resources import files\nfiles("media.sample") / "voice.mp3"',
        'from importlib.util import find_spec\nfind_spec("media.sample").origin',
    ],
)
def test_an_opened_file_of_another_package_is_seen(source: str) -> None:
    assert list(strange_places(source, ROOT / "wav2lip" / "made_up.py"))


@pytest.mark.parametrize(
    "source",
    [
        'VOICE = Path(__file__).with_name("voice.mp3")',
        'HERE = Path(__file__).parent\nTABLE = HERE / "compact" / "table.npz"',
        '"""About static/sample/voice.mp3."""',
        'find_spec("skimage").origin',
    ],
)
def test_files_of_its_own_are_allowed(source: str) -> None:
    assert list(strange_places(source, ROOT / "wav2lip" / "made_up.py")) == []


def test_libraries_read_no_environment_variables() -> None:
    reads = {"environ", "environb", "getenv", "getenvb", "putenv"}
    found = {
        str(path.relative_to(ROOT))
        for package in LIBRARIES
        for path in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Attribute) and node.attr in reads)
        or (isinstance(node, ast.ImportFrom) and reads & {alias.name for alias in node.names})
    }
    assert found == set(ENVIRONMENT)


def test_options_of_a_job_are_known_without_what_renders_it() -> None:
    assert loaded_by("rendering.options", ["numpy", "torch", "cv2", "av"]) == []


def test_every_package_is_installed() -> None:
    patterns = PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
    assert {pattern.rstrip("*") for pattern in patterns} == {*ARROWS, "static", "templates"}


def test_the_web_process_stays_small() -> None:
    heavy = ["torch", "cv2", "librosa", "pandas", "workers", "rendering.spec", "wav2lip.audio"]
    assert loaded_by("app", heavy) == []


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


def file_of(name: str) -> Path | None:
    """The file of ours that a dotted name is, or is defined in."""
    parts = name.split(".")
    while parts and parts[0] in ARROWS:
        place = ROOT.joinpath(*parts)
        for path in (place.with_suffix(".py"), place / "__init__.py"):
            if path.is_file():
                return path
        parts.pop()
    return None


def circle(graph: dict[Path, set[Path]]) -> list[Path]:
    """Files that import each other, the first again at the end; [] if there are none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        found: list[Path] = error.args[1]
        return found
    return []


def strange_places(source: str, path: Path) -> Iterator[str]:
    """Where a file at `path` names a place outside of its package: by `__file__`, by a string that
    is a path, or by another of our modules.
    """
    tree = ast.parse(source)
    package = path.relative_to(ROOT).parts[0]
    own = FILES_OF.get(package, {package})
    others = {folder.name for folder in ROOT.iterdir() if folder.is_dir()} - own
    known: dict[str, Path] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and (place := place_of(node.value, path, known)):
            known |= {each.id: place for each in node.targets if isinstance(each, ast.Name)}
    asides = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            top, _, inside = re.sub(r"^(\.\./)+", "", node.value).partition("/")
            if top in others and re.fullmatch(r"\S+\.\w+", inside) and id(node) not in asides:
                yield f"line {node.lineno}: {node.value}"
        elif isinstance(node, ast.Attribute) and node.attr in {"__file__", "__path__"}:
            yield f"line {node.lineno}: {ast.unparse(node)}"
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            function = ast.unparse(node.func).split(".")[-1]
            module = str(node.args[0].value).split(".")[0]
            if function in {"files", "find_spec"} and module in ARROWS.keys() - {package}:
                yield f"line {node.lineno}: {ast.unparse(node)}"
        place = place_of(node, path, known) if isinstance(node, ast.expr) else None
        if place and not any(place.is_relative_to(ROOT / folder) for folder in own):
            yield f"line {node.lineno}: {ast.unparse(node)}"


def place_of(node: ast.expr, path: Path, known: dict[str, Path]) -> Path | None:
    """The place that an expression of pathlib's names, if it begins at the file at `path`."""
    match node:
        case ast.Name(id="__file__"):
            return path
        case ast.Name(id=name):
            return known.get(name)
        case ast.Call(func=ast.Name(id="Path"), args=[inner]):
            return place_of(inner, path, known)
        case ast.Call(func=ast.Attribute(value=inner, attr="resolve" | "absolute")):
            return place_of(inner, path, known)
        case ast.Call(
            func=ast.Attribute(value=inner, attr="with_name" | "with_suffix" | "joinpath" as how),
            args=[ast.Constant(value=str(text))],
        ):
            place = place_of(inner, path, known)
            return place and getattr(place, how)(text)
        case ast.Attribute(value=inner, attr="parent"):
            place = place_of(inner, path, known)
            return place and place.parent
        case ast.Subscript(
            value=ast.Attribute(value=inner, attr="parents"), slice=ast.Constant(value=int(number))
        ):
            place = place_of(inner, path, known)
            return place and place.parents[number]
        case ast.BinOp(left=inner, op=ast.Div(), right=ast.Constant(value=str(text))):
            place = place_of(inner, path, known)
            return place and place / text
    return None


def loaded_by(module: str, heavy: list[str]) -> list[str]:
    """Which of these modules a fresh process has once it has imported `module`."""
    code = f"import {module}, sys; print(*[name for name in {heavy} if name in sys.modules])"
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return answer.stdout.split()


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
