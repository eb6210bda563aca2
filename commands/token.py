"""`mouth token`: what lets programs in."""

from datetime import UTC, datetime

import click

from jobs import tokens
from jobs.database import Database
from jobs.settings import from_environment


@click.group()
def token() -> None:
    """Make, list and revoke the tokens with which programs use the API.

    A program sends its token as `Authorization: Bearer TOKEN`. What it makes is its own, as a
    visitor's is; where the site has a password, it needs none.
    """


@token.command()
@click.argument("name")
def new(name: str) -> None:
    """Make a token called NAME and show it, this once: only its hash is kept."""
    click.echo(tokens.create(_database(), name))


@token.command("list")
def list_tokens() -> None:
    """List the tokens by name, with when each was made and last used."""
    for each in tokens.list_all(_database()):
        used = _moment(each.used) if each.used else "never"
        click.echo(f"{each.name:<32} made {_moment(each.created)}, last used {used}")


@token.command()
@click.argument("name")
def revoke(name: str) -> None:
    """Let the token called NAME in no more. The videos it made stay until they expire."""
    tokens.revoke(_database(), name)


def _database() -> Database:
    database = Database(from_environment().database)
    database.migrate()
    return database


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
