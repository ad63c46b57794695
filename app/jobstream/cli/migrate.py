"""`jobstream migrate`: install or upgrade the schema."""

import os
import sys

import rich_click as click
from msgspec import Struct

from jobstream.cli.exits import CommandFailed, UsageFault
from jobstream.cli.options import as_async, examples, json_option


class Migrated(Struct, frozen=True, kw_only=True):
    """The version before (null for an empty database) and the one that it has now; how many events were rebased."""

    before: str | None
    after: str
    changed: bool
    rebased: int | None


class Checked(Struct, frozen=True, kw_only=True):
    """How the database stands to this version: missing, behind, current or ahead."""

    version: str | None
    wanted: str
    state: str


@click.command(
    "migrate",
    epilog=examples(
        "jobstream migrate",
        "jobstream migrate --check && jobstream serve",
        'jobstream migrate --sql | psql -v ON_ERROR_STOP=1 "$DATABASE"',
    ),
)
@click.option(
    "--sql", "print_sql", is_flag=True, help="Print the whole install as SQL instead of running it."
)
@click.option(
    "--no-roles", is_flag=True, help="Leave out roles and grants, where this login may not make roles."
)
@click.option("--check", is_flag=True, help="Change nothing; exit code 1 if the database must be migrated.")
@click.option(
    "--rebase-events",
    is_flag=True,
    help="After a restore from another cluster's dump: also make its events readable by streams, whose clients get a reset.",
)
@json_option
@as_async
async def command(print_sql: bool, no_roles: bool, check: bool, rebase_events: bool, as_json: bool) -> None:
    """Bring the database to this version's schema, in one transaction. Twice is harmless."""
    if print_sql and (check or as_json):
        raise UsageFault("--sql goes with neither --check nor --json")
    if rebase_events and (print_sql or check):
        raise UsageFault("--rebase-events goes with neither --sql nor --check")
    if print_sql:
        from jobstream.schema import migration_sql

        sys.stdout.write(migration_sql(roles=not no_roles))
    elif check:
        await _check(as_json=as_json)
    else:
        await _migrate(roles=not no_roles, rebase=rebase_events, as_json=as_json)


async def _migrate(*, roles: bool, rebase: bool, as_json: bool) -> None:
    from jobstream.cli.gateway.choice import database_url
    from jobstream.cli.output import print_json
    from jobstream.schema import migrate, rebase_events
    from jobstream.settings import load_settings

    url = database_url(load_settings(os.environ))
    done = await migrate(url, roles=roles)
    rebased = await rebase_events(url) if rebase else None
    migrated = Migrated(
        before=done.before, after=done.after, changed=done.before != done.after, rebased=rebased
    )
    if as_json:
        print_json(migrated)
    elif not migrated.changed:
        print(f"the schema is up to date, at version {migrated.after}")
    else:
        print(f"the schema is at version {migrated.after}, was {migrated.before or 'not there'}")
    if rebased is not None and not as_json:
        print(f"{rebased} events rebased; streams begin a new epoch")


async def _check(*, as_json: bool) -> None:
    from jobstream.cli.gateway.choice import open_named_database
    from jobstream.cli.output import print_json
    from jobstream.schema import compare, latest_version, schema_version

    async with open_named_database() as database:
        version = await schema_version(database)
    state = compare(version)
    if as_json:
        print_json(Checked(version=version, wanted=latest_version(), state=state))
    if state in ("missing", "behind"):
        raise CommandFailed(
            f"the schema is {state}: this version needs {latest_version()}; run `jobstream migrate`"
        )
    if not as_json:
        print(f"the schema is {state}, at version {version}")
