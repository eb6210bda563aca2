"""docs/errors.md knows every failure that the program can name, and no other."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from app.errors import STATUS
from tests.test_house import ARROWS

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = (
    "media", "checkpoints", "face_detection", "wav2lip", "rendering", "dataset", "jobs", "workers",
    "processes", "app", "commands",
)  # fmt: skip
WEB = {"app", *ARROWS["app"]}
CODE = re.compile(r"[a-z]+(?:-[a-z]+)*")


def named(within: Callable[[str], bool] = lambda path: True) -> Iterator[str]:
    """The codes that the source hands to the classes of errors, of the files with such paths."""
    classes = {"NamedError"}
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    trees = {
        str(path.relative_to(ROOT)): ast.parse(path.read_text())
        for path in [*files, ROOT / "cli.py"]
    }
    for _ in range(3):  # classes of classes
        for tree in trees.values():
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef) and classes & {name(base) for base in node.bases}:
                    classes.add(node.name)
    for path, tree in trees.items():
        for node in ast.walk(tree) if within(path) else ():
            if isinstance(node, ast.Call) and name(node.func) in classes and node.args:
                first = node.args[0]
                if isinstance(first, ast.Constant) and CODE.fullmatch(str(first.value)):
                    yield str(first.value)


def name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def test_every_code_is_explained_and_none_too_many() -> None:
    lines = (ROOT / "docs" / "errors.md").read_text().splitlines()
    rows = [line.split("|")[1] for line in lines if line.startswith("| `")]
    explained = [code for row in rows for code in re.findall(r"`([^`]+)`", row)]
    assert len(explained) == len(set(explained))
    assert set(explained) == set(named())


def test_every_code_that_the_web_process_can_meet_has_a_status() -> None:
    """And no other: what is missing is answered with 500, as a fault of the program."""
    own = tuple(f"{each.replace('.', '/')}{'.py' if '.' in each else '/'}" for each in WEB)
    assert "rendering/options.py" in own
    met = set(named(lambda path: path.startswith(own)))
    assert met == set(STATUS)
