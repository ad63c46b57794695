"""A session that is killed amid its work leaves nothing half done: whoever comes next does all of it, once."""

from collections.abc import Awaitable, Callable
from typing import Any

from tests.support import Connect, Connection, eventually
from tests.support.sql import (
    call,
    claimed,
    counts,
    ended,
    enqueue,
    enqueue_row,
    fill,
    history,
    job,
    maintain,
    running,
)

Work = Callable[[Connection], Awaitable[Any]]


async def killed_amid(conn: Connection, connect: Connect, work: Work) -> None:
    """Let a session do the work in a transaction, and kill it before its commit."""
    session = await connect()
    await session.execute("begin")
    await work(session)
    pid = session.get_server_pid()
    assert await conn.fetchval("select pg_terminate_backend($1)", pid)

    async def is_gone() -> bool:
        return not await conn.fetchval("select exists (select from pg_stat_activity where pid = $1)", pid)

    await eventually(is_gone)
    session.terminate()


async def test_bulk_operation_goes_on_where_it_was(conn: Connection, connect: Connect) -> None:
    ids = await fill(conn, 1_200)
    bulk_id = await conn.fetchval("select bulk_id from jobstream.cancel_where('{}', false)")
    await conn.execute("select jobstream.maintain()")
    await killed_amid(conn, connect, lambda session: call(session, "maintain"))
    await maintain(conn)
    [bulk] = await conn.fetch(
        "select status, done, skipped from jobstream.bulk_operations where id = $1", bulk_id
    )
    assert tuple(bulk) == ("done", 1_200, 0)
    assert await counts(conn) == {"cancelled": 1_200}
    told = await conn.fetchval("select count(*) from jobstream.job_events where status = 'cancelled'")
    assert told == len(ids)


async def test_claim_never_was(conn: Connection, connect: Connect) -> None:
    ids = await fill(conn, 2, concurrency_key="c")
    await call(conn, "set_queue", "default", max_running=1, rate_count=1, rate_seconds=3_600)
    await killed_amid(conn, connect, claimed)
    assert (await job(conn, ids[0]))["attempt"] == 0
    assert await claimed(conn) == ids[:1]


async def test_completion_never_was_and_can_be_said_again(conn: Connection, connect: Connect) -> None:
    upstream = await running(conn, concurrency_key="c")
    follower, next_one = await enqueue(conn, await_jobs=[upstream]), await enqueue(conn, concurrency_key="c")
    await maintain(conn)
    await killed_amid(conn, connect, lambda session: call(session, "complete", upstream, 1))
    assert await claimed(conn) == []
    assert await call(conn, "complete", upstream, 1) == "done"
    assert await claimed(conn) == [follower, next_one]
    assert await history(conn, upstream) == ["waiting", "pending", "running", "done"]


async def test_key_of_an_enqueue_that_never_was_is_free(conn: Connection, connect: Connect) -> None:
    await killed_amid(
        conn,
        connect,
        lambda session: enqueue(session, idempotency_key="k", unique_for="active", unique_key="u"),
    )
    again = await enqueue_row(conn, "other", idempotency_key="k", unique_for="active", unique_key="u")
    assert again["idempotent"] is False


async def test_retention_goes_on(conn: Connection, connect: Connect) -> None:
    await call(conn, "set_queue", "default", retention_days=0)
    done = await ended(conn)
    await conn.execute("update jobstream.settings set value = '0' where name = 'house_kept_at'")
    await killed_amid(conn, connect, lambda session: call(session, "maintain"))
    assert await history(conn, done) == ["pending", "running", "done"]
    await maintain(conn)
    assert await conn.fetchval("select count(*) from jobstream.jobs") == 0
