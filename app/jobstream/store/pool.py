"""Connections: a pool without session state, and the running of single statements."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Self, TypeAlias, TypeGuard, TypeVar

import asyncpg
import asyncpg.pool

from jobstream.errors import DatabaseUnavailable
from jobstream.store.sqlstates import is_collision, mapped_errors

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    _Base = asyncpg.Connection[asyncpg.Record]
else:
    Connection = asyncpg.Connection
    _Base = asyncpg.Connection

T = TypeVar("T")

COMMAND_SECONDS = 60.0
"""No statement of ours is honest after that long: the network is gone."""

_TRIES = 6


class _StatelessConnection(_Base):
    """A connection whose statements leave nothing behind in the session.

    Settings are made local to their statement and listening has a connection of its own, so that the round trip by
    which the driver clears a session at each release (measured: half of a short call) has nothing to clear.
    """

    def get_reset_query(self) -> str:
        return ""


class Database:
    """A pool of connections to one database with the jobstream schema."""

    def __init__(self, *, url: str, size: int, is_direct: bool, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        """`url`, `size` and `is_direct` are for others to read; see `connect`."""
        self.url = url
        self.size = size
        self.is_direct = is_direct
        self._pool = pool

    @classmethod
    @asynccontextmanager
    async def connect(
        cls,
        url: str,
        *,
        size: int = 10,
        application_name: str = "jobstream",
        is_direct: bool = True,
    ) -> AsyncIterator[Self]:
        """A pool of at most `size` connections, opened as they are needed, closed on leaving.

        `is_direct=False` behind PgBouncer in transaction mode: a session is then anybody's, and every statement runs in
        a transaction of its own. Raises DatabaseUnavailable if no connection can be had.
        """
        with mapped_errors():
            pool = await asyncpg.create_pool(
                plain_url(url),
                min_size=1,
                max_size=max(size, 2),  # who leads the maintenance keeps one
                connection_class=_StatelessConnection,
                statement_cache_size=1024 if is_direct else 0,
                command_timeout=COMMAND_SECONDS,
                server_settings={"application_name": application_name},
            )
        try:
            yield cls(url=url, size=size, is_direct=is_direct, pool=pool)
        finally:
            await _close(pool)

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        """A connection of the pool; errors inside are mapped.

        Values of jsonb are text on it. It must be left without session state: no LISTEN, no SET, no session locks.
        """
        with mapped_errors():
            async with self._pool.acquire() as connection:
                yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Connection]:
        """A connection on which every statement sees the same, and none writes."""
        async with (
            self.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield connection

    async def fetch(
        self, query: str, *args: Any, connection: Connection | None = None
    ) -> list[asyncpg.Record]:
        """The rows of one statement, run again if it was a deadlock's victim (40P01, 40001).

        With `connection`, on that connection and in its transaction, once.
        """
        if connection is not None:
            with mapped_errors():
                return await connection.fetch(query, *args)
        run = self._pool.fetch if self.is_direct else self._fetch_in_transaction
        return await self._repeated(lambda: run(query, *args))

    async def fetchrow(
        self, query: str, *args: Any, connection: Connection | None = None
    ) -> asyncpg.Record | None:
        """The first row of one statement, or None; otherwise as `fetch`."""
        rows = await self.fetch(query, *args, connection=connection)
        return rows[0] if rows else None

    async def fetchval(self, query: str, *args: Any, connection: Connection | None = None) -> Any:
        """The first column of the first row, or None; otherwise as `fetch`."""
        row = await self.fetchrow(query, *args, connection=connection)
        return None if row is None else row[0]

    async def ping(self) -> None:
        """Returns if the database answers. Raises DatabaseUnavailable."""
        await self.fetchval("select 1")

    async def _fetch_in_transaction(self, query: str, *args: Any) -> list[asyncpg.Record]:
        """Parsing and running are two messages: only a transaction brings both to one server."""
        async with self._pool.acquire() as connection, connection.transaction():
            return await connection.fetch(query, *args)

    async def _repeated(self, run: Callable[[], Awaitable[T]]) -> T:
        with mapped_errors():
            for tries in range(1, _TRIES):
                try:
                    return await run()
                except asyncpg.PostgresError as error:
                    if not is_collision(error):
                        raise
                # Rivals that met once meet again unless they part by chance.
                await asyncio.sleep(random.uniform(0, 0.005 * 2**tries))
            return await run()


def is_connection(value: object) -> TypeGuard[Connection]:
    """Whether that is a connection of the driver: one of its own, or one out of a pool."""
    return isinstance(value, (asyncpg.Connection, asyncpg.pool.PoolConnectionProxy))


def plain_url(url: str) -> str:
    """The URL without the driver's name that SQLAlchemy puts into the scheme."""
    scheme, rest = url.split("://", 1)
    return f"{scheme.partition('+')[0]}://{rest}"


async def _close(pool: "asyncpg.Pool[asyncpg.Record]") -> None:
    try:
        async with asyncio.timeout(5):
            await pool.close()
    except (TimeoutError, OSError, asyncpg.PostgresError, DatabaseUnavailable):
        pool.terminate()
    except BaseException:
        pool.terminate()
        raise
