"""`mouth verify`: what a video was made from by its Content Credentials, and whether they hold."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from commands.param_types import FILE
from media.errors import NamedError

if TYPE_CHECKING:
    from media.provenance import Credentials


@click.command()
@click.argument("file", type=FILE)
@click.option(
    "--made-from",
    "candidates",
    type=FILE,
    multiple=True,
    help="Was this file used? May be given several times.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(file: Path, candidates: tuple[Path, ...], as_json: bool) -> None:
    """Read the Content Credentials (C2PA) of FILE and check them.

    Fails for a file that has none, that was changed since it was signed, or that was not made from
    what --made-from names.
    """
    from media import provenance
    from media.probe import content_hash

    found = provenance.read(file)
    if found is None:
        raise NamedError(
            "no-credentials",
            f"{file.name} carries no Content Credentials: nothing can be said of where it is from.",
            "Many sites remove them: ask for the file as it was made.",
        )
    used = {each["sha256"]: each["role"] for each in found.made_from}
    roles = {candidate: used.get(content_hash(candidate)) for candidate in candidates}
    error = _mismatch(file, found, roles)
    if as_json:
        checked = {str(path): role for path, role in roles.items()}
        failure = {"error": error.as_dict()} if error else {}
        click.echo(json.dumps({**found.to_dict(), "checked": checked, **failure}, indent=1))
        click.get_current_context().exit(1 if error else 0)
    _tell(found, roles)
    if error:
        raise error


def _mismatch(file: Path, found: "Credentials", roles: dict[Path, str | None]) -> NamedError | None:
    """What is wrong with a file, or with what it is said to be made from."""
    if not found.intact:
        return NamedError(
            "credentials-broken",
            f"{file.name} is not as it was signed: {'; '.join(found.problems)}.",
            "Do not rely on what it says; ask for the file as it was made.",
        )
    if strangers := [path.name for path, role in roles.items() if role is None]:
        return NamedError(
            "not-an-ingredient",
            f"{file.name} was not made from {', '.join(strangers)}.",
            "Compare with the very files that were given: a copy saved anew is another file.",
        )
    return None


def _tell(found: "Credentials", roles: dict[Path, str | None]) -> None:
    click.echo("unchanged since it was signed" if found.intact else "CHANGED since it was signed")
    trust = (
        "on a trust list"
        if found.trusted
        else "on no trust list known here: anybody could have made it"
    )
    click.echo(f"signed by   {found.signer} (a certificate {trust})")
    click.echo(f"made with   {found.program}")
    if found.synthetic:
        click.echo("content     recorded media, changed in part by a trained network")
    for name, value in found.rendering.items():
        click.echo(f"{name:<12}{_in_words(value)}")
    for each in found.made_from:
        click.echo(f"made from   {each['role']}, sha256 {each['sha256']}")
    for path, role in roles.items():
        click.echo(f"{path.name}: {role or 'not used'}")


def _in_words(value: Any) -> str:
    """JSON without its brackets: "person 2, start 1.5; person 1, start 3"."""
    if isinstance(value, list):
        return "; ".join(_in_words(each) for each in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {_in_words(each)}" for name, each in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)
