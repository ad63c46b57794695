"""Connections: the pool, the codecs, and the one place where a SQLSTATE becomes an error."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
else:
    Connection = asyncpg.Connection


@contextmanager
def mapped_errors() -> Iterator[None]:
    """Raises the driver's errors as ours, by SQLSTATE; lets all others through."""
    raise NotImplementedError
    yield


class Database:
    """A pool of connections to one database with the jobstream schema."""

    url: str
    size: int

    @classmethod
    @asynccontextmanager
    async def connect(
        cls,
        url: str,
        *,
        size: int = 10,
        application_name: str = "jobstream",
        statement_cache: bool = True,
    ) -> AsyncIterator["Database"]:
        """A pool of at most `size` connections, opened as they are needed, closed on leaving.

        `statement_cache=False` behind PgBouncer in transaction mode. Raises DatabaseUnavailable if none can be had.
        """
        raise NotImplementedError
        yield

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        """A connection of the pool, with the codecs set; errors inside are mapped."""
        raise NotImplementedError
        yield

    async def fetch(
        self, query: str, *args: Any, connection: Connection | None = None
    ) -> list[asyncpg.Record]:
        """The rows of one statement, run again if it was a deadlock's victim (40P01, 40001).

        With `connection`, on that connection and in its transaction, once.
        """
        raise NotImplementedError

    async def fetchrow(
        self, query: str, *args: Any, connection: Connection | None = None
    ) -> asyncpg.Record | None:
        """The first row of one statement, or None; otherwise as `fetch`."""
        raise NotImplementedError

    async def fetchval(self, query: str, *args: Any, connection: Connection | None = None) -> Any:
        """The first column of the first row, or None; otherwise as `fetch`."""
        raise NotImplementedError

    async def ping(self) -> None:
        """Returns if the database answers. Raises DatabaseUnavailable."""
        raise NotImplementedError
