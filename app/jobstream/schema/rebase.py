"""After a restore: makes the events of another cluster's history readable by this one's cursors."""

import asyncpg

from jobstream.errors import DatabaseUnavailable
from jobstream.schema.migrate import MigrationFailed


async def rebase_events(url: str) -> int:
    """Rebase all events and begin a new epoch, in one transaction; writers wait meanwhile. Returns their number.

    Raises MigrationFailed, DatabaseUnavailable; the database is then as it was.
    """
    try:
        connection = await asyncpg.connect(url, server_settings={"application_name": "jobstream migrate"})
        try:
            return int(await connection.fetchval("select jobstream.rebase_events()"))
        finally:
            await connection.close()
    except asyncpg.PostgresError as error:
        raise MigrationFailed(f"the events could not be rebased: {error}") from error
    except OSError as error:
        raise DatabaseUnavailable(f"the database cannot be reached: {error}") from error
