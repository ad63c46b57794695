"""The database's own duties, and who does them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Final, Protocol

from jobstream.errors import DatabaseUnavailable
from jobstream.store.pool import Connection, Database
from jobstream.store.sqlstates import mapped_errors
from jobstream.store.workers import LOCK_CLASS

MAINTENANCE_LOCK: Final = 0

_MAINTAIN_FOR: Final = """
with done as materialized (select jobstream.maintain() as due)
select extract(epoch from done.due - jobstream.clock())::float8 from done
"""
# A leader that stands still (SIGSTOP, a blocked event loop) keeps its session, and so the lock: the server ends it.
_BOUND_SILENCE: Final = "set idle_session_timeout = '2s'"
_MAINTAIN_IN_TURN: Final = """
with turn as materialized (select pg_try_advisory_xact_lock($1, $2) as is_mine),
done as materialized (select case when turn.is_mine then jobstream.maintain() end as due from turn)
select extract(epoch from done.due - jobstream.clock())::float8 from done
"""
_TRY_LOCK: Final = "select pg_try_advisory_lock($1, $2)"
_UNLOCK: Final = "select pg_advisory_unlock($1, $2)"


class Lead(Protocol):
    """The lead among all processes."""

    async def maintain_for(self) -> float | None:
        """Does what is due; the seconds until the next is due, if that is known.

        Raises DatabaseUnavailable when the lead was lost with its connection.
        """


class _SessionLead:
    """Held by a session: lost with its connection, which then raises."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def maintain_for(self) -> float | None:
        with mapped_errors():
            return _waiting(await self._connection.fetchval(_MAINTAIN_FOR))


class _Turns:
    """Where sessions are shared each has it for one statement, unless somebody else is at it."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def maintain_for(self) -> float | None:
        return _waiting(await self._db.fetchval(_MAINTAIN_IN_TURN, LOCK_CLASS, MAINTENANCE_LOCK))


class MaintenanceStore:
    """Runs `jobstream.maintain()` and says whether this process is the one to run it."""

    def __init__(self, db: Database) -> None:
        """Statements run on `db`."""
        self._db = db

    async def maintain(self) -> datetime | None:
        """Does what is due and returns when the next is, if that is known. Safe from any number of callers."""
        due: datetime | None = await self._db.fetchval("select jobstream.maintain()")
        return due

    async def maintain_for(self) -> float | None:
        """As `maintain`, but the seconds until the next is due, by the database's clock; 0 for due now."""
        return _waiting(await self._db.fetchval(_MAINTAIN_FOR))

    async def keep_events(self, days: int) -> None:
        """From now on, for every process on this database. Raises Forbidden where the role may not say so."""
        await self._db.fetchval("select jobstream.set_event_retention($1)", days)

    @asynccontextmanager
    async def try_lead(self) -> AsyncIterator[Lead | None]:
        """The lead while inside; None if another session has it. Who leads calls at least once in two seconds.

        It keeps a connection of the pool for so long. Behind PgBouncer processes take turns instead.
        """
        if not self._db.is_direct:
            yield _Turns(self._db)
            return
        async with self._db.acquire() as connection:
            if not await connection.fetchval(_TRY_LOCK, LOCK_CLASS, MAINTENANCE_LOCK):
                yield None
                return
            try:
                await connection.execute(_BOUND_SILENCE)
                yield _SessionLead(connection)
            finally:
                with suppress(DatabaseUnavailable), mapped_errors():  # the lock is gone if the connection is
                    await connection.execute("reset idle_session_timeout")
                    await connection.execute(_UNLOCK, LOCK_CLASS, MAINTENANCE_LOCK)


def _waiting(seconds: float | None) -> float | None:
    return None if seconds is None else max(seconds, 0.0)
