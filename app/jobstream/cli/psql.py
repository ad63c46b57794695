"""`jobstream psql`: psql, with the database and the schema set."""

import os
import shutil
from urllib.parse import unquote

import rich_click as click

from jobstream.cli.exits import CommandFailed
from jobstream.cli.options import examples


@click.command(
    "psql",
    context_settings={"ignore_unknown_options": True},
    epilog=examples(
        "jobstream psql",
        "jobstream psql -c \"select id, status, last_error from jobs where status = 'dlq'\"",
        "jobstream psql -f report.sql",
    ),
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[PSQL ARGUMENTS]...")
def command(arguments: tuple[str, ...]) -> None:
    """Open psql on the database, with the schema `jobstream` first in the search path.

    Everything behind the command goes to psql.
    """
    from jobstream.cli.gateway.choice import database_url
    from jobstream.settings import load_settings

    url, password = without_secret(database_url(load_settings(os.environ)))
    environ = dict(os.environ)
    environ["PGOPTIONS"] = f"{environ.get('PGOPTIONS', '')} -c search_path=jobstream,public".strip()
    environ.setdefault("PGAPPNAME", "jobstream psql")
    if password is not None:
        environ["PGPASSWORD"] = password
    program = find_psql()
    os.execve(program, [program, "--dbname", url, *arguments], environ)  # noqa: S606 -- no shell is the point


def without_secret(url: str) -> tuple[str, str | None]:
    """The URL without its password, and without a driver's name, and the password: all can read a process's arguments."""
    scheme, rest = url.split("://", 1)
    scheme = scheme.partition("+")[0]
    authority, slash, path = rest.partition("/")
    credentials, at, host = authority.rpartition("@")
    user, colon, password = credentials.partition(":")
    return f"{scheme}://{user}{at}{host}{slash}{path}", unquote(password) if colon else None


def find_psql() -> str:
    """The psql of the machine, else the one that comes with the embedded server."""
    from jobstream.embedded import EmbeddedPostgresError, find_binaries

    if installed := shutil.which("psql"):
        return installed
    try:
        return str(find_binaries().psql)
    except EmbeddedPostgresError as error:
        raise CommandFailed(
            "there is no psql here; install PostgreSQL's client, or jobstream[embedded]"
        ) from error
