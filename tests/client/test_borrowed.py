"""In the caller's own transaction, whatever driver it is of: nothing is visible unless it commits."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import psycopg
import psycopg.rows
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from jobstream.client import Client
from jobstream.domain.job import NewJob
from jobstream.errors import InvalidArgument, KeyReused, NotFound
from jobstream.store.pool import Database, plain_url
from tests.support.types import Connection

Ended = Callable[[], Awaitable[None]]


def with_driver(url: str, driver: str) -> str:
    return plain_url(url).replace("postgresql://", f"postgresql+{driver}://", 1)


@asynccontextmanager
async def borrowed(kind: str, url: str) -> AsyncIterator[tuple[Any, Ended, Ended]]:
    """A connection within a transaction, how to commit it, and how to roll it back."""
    async with AsyncExitStack() as stack:

        def blocking(call: Callable[[], None]) -> Ended:
            async def run() -> None:
                call()

            return run

        match kind:
            case "psycopg":
                connection = await psycopg.AsyncConnection.connect(url, row_factory=psycopg.rows.dict_row)
                stack.push_async_callback(connection.close)
                yield connection, connection.commit, connection.rollback
            case "blocking psycopg":
                plain = stack.enter_context(psycopg.connect(url))
                yield plain, blocking(plain.commit), blocking(plain.rollback)
            case "connection" | "session":
                engine = sa.create_engine(with_driver(url, "psycopg"))
                stack.callback(engine.dispose)
                opened: Any = stack.enter_context(
                    engine.connect() if kind == "connection" else Session(engine)
                )
                yield opened, blocking(opened.commit), blocking(opened.rollback)
            case _:
                driver = "asyncpg" if "asyncpg" in kind else "psycopg"
                async_engine = create_async_engine(with_driver(url, driver))
                stack.push_async_callback(async_engine.dispose)
                within: Any = async_engine.connect() if "connection" in kind else AsyncSession(async_engine)
                entered = await stack.enter_async_context(within)
                yield entered, entered.commit, entered.rollback


KINDS = [
    "psycopg",
    "blocking psycopg",
    "connection",
    "session",
    "asyncio connection over asyncpg",
    "asyncio session over asyncpg",
    "asyncio session over psycopg",
]


@pytest.fixture
async def client(database: Database) -> AsyncIterator[Client]:
    async with Client.over(database) as opened:
        yield opened


@pytest.mark.parametrize("kind", KINDS)
async def test_a_job_is_there_if_the_transaction_commits(
    client: Client, database_url: str, kind: str
) -> None:
    async with borrowed(kind, database_url) as (connection, commit, rollback):
        dropped = await client.enqueue("k", {"a": 1}, connection=connection)
        await rollback()
        kept, other = await client.enqueue_many([NewJob(kind="a"), NewJob(kind="b")], connection=connection)
        with pytest.raises(NotFound):
            await kept.get()
        await commit()
    assert [(await handle.get()).spec.kind for handle in (kept, other)] == ["a", "b"]
    with pytest.raises(NotFound):
        await dropped.get()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_pipeline_is_there_if_the_transaction_commits(
    client: Client, database_url: str, kind: str
) -> None:
    async with borrowed(kind, database_url) as (connection, commit, rollback):
        async with client.pipeline("dropped", connection=connection) as dropped:
            dropped.step("k")
        await rollback()
        async with client.pipeline("kept", idempotency_key="one", connection=connection) as kept:
            first = kept.step("a")
            kept.step("b", {"n": 1}, after=[first])
        with pytest.raises(NotFound):
            await kept.get()
        await commit()
        faulty = client.pipeline("faulty", connection=connection)
        faulty.step("a")
        faulty.step("b", max_attempts=0)
        with pytest.raises(InvalidArgument) as refused:
            await faulty.create()
        assert refused.value.detail is not None
        assert refused.value.detail.ordinal == 2
        await rollback()
    made = await kept.get()
    assert [(job.spec.kind, job.lifecycle.status) for job in made.jobs] == [
        ("a", "pending"),
        ("b", "waiting"),
    ]
    assert first.job.id == made.jobs[0].id
    with pytest.raises(NotFound):
        await dropped.get()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_refusal_is_ours_whatever_the_driver(
    client: Client, database_url: str, conn: Connection, kind: str
) -> None:
    first = await conn.fetchval("select id from jobstream.enqueue('k', idempotency_key => 'one')")
    async with borrowed(kind, database_url) as (connection, _, rollback):
        with pytest.raises(KeyReused) as caught:
            await client.enqueue("other", idempotency_key="one", connection=connection)
        assert caught.value.detail is not None
        assert (caught.value.detail.id, caught.value.detail.ordinal) == (first, None)
        await rollback()
        with pytest.raises(InvalidArgument) as refused:
            await client.enqueue_many([NewJob(kind="k"), NewJob(kind="")], connection=connection)
        assert refused.value.detail is not None
        assert (refused.value.detail.ordinal, refused.value.detail.field) == (2, "kind")
        await rollback()
