"""`mouth serve` and `mouth settings`: the program as a service."""

import os

import click

from jobs.settings import from_environment
from processes.serve import PROCFILE, processes


@click.command()
@click.argument("process", nargs=-1, type=click.Choice(list(processes(PROCFILE))))
def serve(process: tuple[str, ...]) -> None:
    """Start the page, the queue and the workers; Ctrl-C stops them all.

    With names of PROCESSes (lines of the Procfile) only those are started. HOST and PORT say
    where the page is; see `mouth settings`.
    """
    import checkpoints
    from jobs.settings import to_environment
    from processes import serve as services

    os.umask(0o077)  # what visitors send and get is no business of this machine's other users
    settings = from_environment()
    names = process or services.needed(embedded_redis=not settings.broker_url)
    environment = {**os.environ, **to_environment(settings), **checkpoints.to_environment()}
    services.serve(settings.host, settings.port, environment, names)


@click.command("settings")
def list_settings() -> None:
    """Show every setting: its name in the environment, its value now, what it is for and may be."""
    from jobs.settings import describe

    for name, value, allowed, doc in describe(from_environment()):
        click.echo(f"{name}={value}\n    {doc}\n    Allowed: {allowed}.")
