"""Does the database have the schema that this code needs?"""

from enum import StrEnum
from typing import Protocol

from jobstream.errors import SchemaOutdated
from jobstream.schema.revisions import all_revisions, latest_version


class Reader(Protocol):
    """A connection of the driver, or a pool: whatever answers with one value."""

    async def fetchval(self, query: str, /) -> object:
        """Return the first column of the first row."""


class SchemaState(StrEnum):
    """How the database's version stands to ours. `ahead` is fine: columns are only added, deploys migrate first."""

    MISSING = "missing"
    BEHIND = "behind"
    CURRENT = "current"
    AHEAD = "ahead"


async def schema_version(connection: Reader) -> str | None:
    """Return the version that the database notes; None where it has no schema of ours."""
    if not await connection.fetchval("select pg_catalog.to_regclass('jobstream.schema_version') is not null"):
        return None
    version = await connection.fetchval("select version_num from jobstream.schema_version")
    return None if version is None else str(version)


def compare(version: str | None) -> SchemaState:
    """Say how a version stands to the newest one that this code knows."""
    if version is None:
        return SchemaState.MISSING
    if version == latest_version():
        return SchemaState.CURRENT
    known = {revision.revision for revision in all_revisions()}
    return SchemaState.BEHIND if version in known else SchemaState.AHEAD


async def check_schema(connection: Reader) -> SchemaState:
    """Return `current` or `ahead`; raise SchemaOutdated for a database that must be migrated first."""
    version = await schema_version(connection)
    state = compare(version)
    if state is SchemaState.MISSING:
        raise SchemaOutdated("this database has no jobstream schema: run `jobstream migrate`")
    if state is SchemaState.BEHIND:
        raise SchemaOutdated(
            f"the database is at version {version}, this code needs {latest_version()}: run `jobstream migrate`"
        )
    return state


async def check_events(connection: Reader) -> None:
    """Raise SchemaOutdated where the events were restored from another cluster: cursors would misread them."""
    if await connection.fetchval("select jobstream.enter_epoch()") == "restored":
        raise SchemaOutdated(
            "the events of this database were written in another cluster, and streams cannot continue them as they are: "
            "run `jobstream migrate --rebase-events`"
        )
