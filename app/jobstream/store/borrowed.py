"""Enqueue on a connection of the caller's, in the caller's transaction: never gathered, never repeated.

Known are asyncpg, psycopg 3 and SQLAlchemy 2, each as it is for asyncio and as it is without, and Django's; one that
blocks, blocks the event loop for the one statement. Nobody's driver is imported here: whoever hands over a connection has done so.
"""

import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from jobstream.domain.job import Enqueued, NewJob, Status
from jobstream.store.pool import is_connection
from jobstream.store.requests import encode_jobs, point_at_fault
from jobstream.store.sqlstates import error_of, mapped_errors

_QUERY: Final = """
select e.id, e.status, e.idempotent
from jobstream.enqueue_many(cast(cast({} as text) as jsonb)) as e
order by e.ordinal
"""

Rows = Sequence[Sequence[Any]]
Run = Callable[[Any, str], Awaitable[Rows]]


async def enqueue_on(connection: Any, jobs: Sequence[NewJob]) -> list[Enqueued]:
    """Makes the jobs, in order, where and if the connection's transaction commits.

    Raises what `JobStore.enqueue_many` raises; TypeError for a connection of an unknown driver.
    """
    run = _runner(connection)
    if not jobs:
        return []
    with point_at_fault(jobs), _mapped_errors():
        rows = await run(connection, encode_jobs(jobs))
    return [Enqueued(row[0], Status(row[1]), row[2]) for row in rows]


def require_blocking(connection: Any) -> None:
    """Raises TypeError for a connection on which `enqueue_on` would have to wait in an event loop."""
    if _runner(connection) not in _BLOCKING:
        kind = type(connection)
        raise TypeError(
            f"a client for sync code cannot use the asyncio connection {kind.__module__}.{kind.__qualname__}"
        )


def _runner(connection: Any) -> Run:
    if is_connection(connection):
        return _on_asyncpg
    for module, name, run in _KNOWN:
        kind = getattr(sys.modules.get(module), name, None)
        if kind is not None and isinstance(connection, kind):
            return run
    kind = type(connection)
    raise TypeError(
        f"connection is of {kind.__module__}.{kind.__qualname__}; known are those of asyncpg, psycopg 3, SQLAlchemy 2 and Django"
    )


async def _on_asyncpg(connection: Any, jobs: str) -> Rows:
    rows: Rows = await connection.fetch(_QUERY.format("$1"), jobs)
    return rows


async def _on_psycopg(connection: Any, jobs: str) -> Rows:
    async with connection.cursor(row_factory=sys.modules["psycopg"].rows.tuple_row) as cursor:
        await cursor.execute(_QUERY.format("%s"), (jobs,))
        rows: Rows = await cursor.fetchall()
        return rows


async def _on_blocking_psycopg(connection: Any, jobs: str) -> Rows:
    with connection.cursor(row_factory=sys.modules["psycopg"].rows.tuple_row) as cursor:
        cursor.execute(_QUERY.format("%s"), (jobs,))
        rows: Rows = cursor.fetchall()
        return rows


async def _on_sqlalchemy(connection: Any, jobs: str) -> Rows:
    query = sys.modules["sqlalchemy"].text(_QUERY.format(":jobs"))
    rows: Rows = (await connection.execute(query, {"jobs": jobs})).all()
    return rows


async def _on_blocking_sqlalchemy(connection: Any, jobs: str) -> Rows:
    query = sys.modules["sqlalchemy"].text(_QUERY.format(":jobs"))
    rows: Rows = connection.execute(query, {"jobs": jobs}).all()
    return rows


async def _on_django(connection: Any, jobs: str) -> Rows:
    with connection.cursor() as cursor:
        cursor.execute(_QUERY.format("%s"), [jobs])
        rows: Rows = cursor.fetchall()
        return rows


_KNOWN: Final[tuple[tuple[str, str, Run], ...]] = (
    ("psycopg", "AsyncConnection", _on_psycopg),
    ("psycopg", "Connection", _on_blocking_psycopg),
    ("sqlalchemy.ext.asyncio", "AsyncConnection", _on_sqlalchemy),
    ("sqlalchemy.ext.asyncio", "AsyncSession", _on_sqlalchemy),
    ("sqlalchemy", "Connection", _on_blocking_sqlalchemy),
    ("sqlalchemy.orm", "Session", _on_blocking_sqlalchemy),
    ("sqlalchemy.orm", "scoped_session", _on_blocking_sqlalchemy),
    # What `django.db.connection` is, and what `connections["default"]` gives.
    ("django.utils.connection", "ConnectionProxy", _on_django),
    ("django.db.backends.base.base", "BaseDatabaseWrapper", _on_django),
)
_BLOCKING: Final = (_on_blocking_psycopg, _on_blocking_sqlalchemy, _on_django)


@contextmanager
def _mapped_errors() -> Iterator[None]:
    """As `mapped_errors`, whichever driver raised, and through SQLAlchemy's wrapping."""
    try:
        with mapped_errors():
            yield
    except Exception as raised:
        error: BaseException | None = raised
        while error is not None and getattr(error, "sqlstate", None) is None:
            error = getattr(error, "orig", None) or error.__cause__
        if error is None:
            raise
        told = error.__cause__ if error.__cause__ is not None else error
        diagnosis = getattr(told, "diag", None)
        known = error_of(
            getattr(error, "sqlstate", None),
            getattr(diagnosis, "message_primary", None) or getattr(told, "message", None) or str(told),
            getattr(diagnosis, "message_detail", None) or getattr(told, "detail", None),
        )
        if known is None:
            raise
        raise known from raised
