"""Jobs and pipelines made on a connection of the caller's, in the caller's transaction: never gathered, never repeated.

Known are asyncpg, psycopg 3 and SQLAlchemy 2, each as it is for asyncio and as it is without, and Django's; one that
blocks, blocks the event loop for the one statement. Nobody's driver is imported here: whoever hands over a connection has done so.
"""

import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from jobstream.domain.job import Enqueued, NewJob, Status
from jobstream.domain.pipeline import NewStep, PipelineCreated
from jobstream.store.pool import is_connection
from jobstream.store.requests import encode_jobs, encode_steps, point_at_fault
from jobstream.store.sqlstates import error_of, mapped_errors

# Each {} is a parameter, as the driver writes it.
_ENQUEUE: Final = """
select e.id, e.status, e.idempotent
from jobstream.enqueue_many(cast(cast({} as text) as jsonb)) as e
order by e.ordinal
"""
_CREATE_PIPELINE: Final = """
select cast(jobstream.create_pipeline(
    cast({} as text),
    cast(cast({} as text) as jsonb),
    idempotency_key => cast({} as text),
    owner => cast({} as text)
) as text)
"""

Rows = Sequence[Sequence[Any]]
Values = tuple[str | None, ...]
Run = Callable[[Any, str, Values], Awaitable[Rows]]


async def enqueue_on(connection: Any, jobs: Sequence[NewJob]) -> list[Enqueued]:
    """Makes the jobs, in order, where and if the connection's transaction commits.

    Raises what `JobStore.enqueue_many` raises; TypeError for a connection of an unknown driver.
    """
    run = _runner(connection)
    if not jobs:
        return []
    with point_at_fault(jobs), _mapped_errors():
        rows = await run(connection, _ENQUEUE, (encode_jobs(jobs),))
    return [Enqueued(row[0], Status(row[1]), row[2]) for row in rows]


async def create_pipeline_on(
    connection: Any, name: str, steps: Sequence[NewStep], *, key: str | None, owner: str
) -> PipelineCreated:
    """Makes the pipeline where and if the connection's transaction commits.

    Raises what `PipelineStore.create` raises; TypeError for a connection of an unknown driver.
    """
    run = _runner(connection)
    with point_at_fault([step.job for step in steps]), _mapped_errors():
        rows = await run(connection, _CREATE_PIPELINE, (name, encode_steps(steps), key, owner))
    return msgspec.json.decode(rows[0][0], type=PipelineCreated)


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


async def _on_asyncpg(connection: Any, query: str, values: Values) -> Rows:
    places = [f"${number}" for number in range(1, len(values) + 1)]
    rows: Rows = await connection.fetch(query.format(*places), *values)
    return rows


async def _on_psycopg(connection: Any, query: str, values: Values) -> Rows:
    async with connection.cursor(row_factory=sys.modules["psycopg"].rows.tuple_row) as cursor:
        await cursor.execute(_with_percents(query, values), values)
        rows: Rows = await cursor.fetchall()
        return rows


async def _on_blocking_psycopg(connection: Any, query: str, values: Values) -> Rows:
    with connection.cursor(row_factory=sys.modules["psycopg"].rows.tuple_row) as cursor:
        cursor.execute(_with_percents(query, values), values)
        rows: Rows = cursor.fetchall()
        return rows


async def _on_sqlalchemy(connection: Any, query: str, values: Values) -> Rows:
    rows: Rows = (await connection.execute(*_with_names(query, values))).all()
    return rows


async def _on_blocking_sqlalchemy(connection: Any, query: str, values: Values) -> Rows:
    rows: Rows = connection.execute(*_with_names(query, values)).all()
    return rows


async def _on_django(connection: Any, query: str, values: Values) -> Rows:
    with connection.cursor() as cursor:
        cursor.execute(_with_percents(query, values), values)
        rows: Rows = cursor.fetchall()
        return rows


def _with_percents(query: str, values: Values) -> str:
    return query.format(*["%s"] * len(values))


def _with_names(query: str, values: Values) -> tuple[Any, dict[str, str | None]]:
    named = {f"value{number}": value for number, value in enumerate(values)}
    return sys.modules["sqlalchemy"].text(query.format(*[f":{name}" for name in named])), named


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
