"""Brings a database to the newest version, or prints the SQL that would.

Authority: the row of jobstream.schema_version. Ordering: an advisory lock, taken before that row is read and held to
the end of the one transaction; of two that migrate at once the second finds nothing to do. On failure everything is
rolled back and the database is as it was.
"""

import asyncpg
import msgspec
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from jobstream.errors import DatabaseUnavailable, JobStreamError
from jobstream.schema.apply import ROLES
from jobstream.schema.revisions import VERSION_SCHEMA, VERSION_TABLE, all_revisions, frozen_sql, make_config
from jobstream.schema.script import without_roles

LOCK = "pg_catalog.pg_advisory_xact_lock(1785688947, -1)"
READ_VERSION = text(f"select version_num from {VERSION_SCHEMA}.{VERSION_TABLE}")
HAS_VERSION = text(f"select pg_catalog.to_regclass('{VERSION_SCHEMA}.{VERSION_TABLE}') is not null")


class MigrationFailed(JobStreamError):
    """The schema could not be brought to the newest version; the database is as it was."""


class Migration(msgspec.Struct, frozen=True, kw_only=True):
    """What a migration did: the version before (None: no schema) and after."""

    before: str | None
    after: str


async def migrate(url: str, *, roles: bool = True) -> Migration:
    """Bring the database to the newest version. `roles=False` leaves out roles and grants."""

    async def connect() -> "asyncpg.Connection[asyncpg.Record]":
        return await asyncpg.connect(url, server_settings={"application_name": "jobstream migrate"})

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(_upgrade, roles)
    except (DBAPIError, asyncpg.PostgresError) as error:
        raise _explained(error, roles=roles) from error
    except OSError as error:
        raise DatabaseUnavailable(f"the database cannot be reached: {error}") from error
    finally:
        await engine.dispose()


def migration_sql(*, roles: bool = True) -> str:
    """Return the whole install as one transaction for plain psql."""
    script = "\n".join(frozen_sql(revision) for revision in all_revisions())
    head = all_revisions()[-1].revision
    return "\n".join(
        [
            f"-- The schema of jobstream, version {head}, for an empty database: psql -v ON_ERROR_STOP=1 -f",
            "begin;",
            f"do $$ begin perform {LOCK}; end $$;",
            script if roles else without_roles(script),
            f"insert into {VERSION_SCHEMA}.{VERSION_TABLE} (version_num) values ('{head}');",
            "commit;\n",
        ]
    )


def _upgrade(connection: Connection, roles: bool) -> Migration:
    connection.execute(text(f"select {LOCK}"))
    before = _read_version(connection)
    _refuse_unversioned(connection, before)
    connection.execute(text(f"create schema if not exists {VERSION_SCHEMA}"))
    config = make_config()
    config.attributes["connection"] = connection
    config.attributes[ROLES] = roles
    _run_alembic(config)
    after = _read_version(connection)
    assert after is not None, "a revision has set the version"
    return Migration(before=before, after=after)


def _run_alembic(config: Config) -> None:
    command.upgrade(config, "head")


def _read_version(connection: Connection) -> str | None:
    if not connection.execute(HAS_VERSION).scalar_one():
        return None
    version: str | None = connection.execute(READ_VERSION).scalar_one_or_none()
    return version


def _refuse_unversioned(connection: Connection, before: str | None) -> None:
    found = connection.execute(text("select pg_catalog.to_regclass('jobstream.jobs') is not null"))
    if before is None and found.scalar_one():
        raise MigrationFailed(
            "there is a schema jobstream that names no version, as sql/install.sql makes it: "
            "drop it, or note its version in jobstream.schema_version"
        )


def _explained(error: DBAPIError | asyncpg.PostgresError, *, roles: bool) -> MigrationFailed:
    original = getattr(error, "orig", error)
    hint = ""
    if roles and getattr(original, "sqlstate", None) == "42501":
        hint = " (where this login may not make roles: --no-roles)"
    return MigrationFailed(f"the database refused the migration: {original}{hint}")
