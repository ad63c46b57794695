"""Retention of jobs, keys and events; days of job_events."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support import Connect, Connection
from tests.support.clock import Clock
from tests.support.sql import call, ended, enqueue, events, fill, maintain, running, status_of

DAY = 86_400


async def days(conn: Connection) -> list[str]:
    """Return the names of the days of job_events."""
    rows = await conn.fetch(
        "select relname from pg_inherits as i inner join pg_class as c on c.oid = i.inhrelid"
        " where inhparent = 'jobstream.job_events'::regclass and relname ~ '[0-9]{8}$' order by relname"
    )
    return [row["relname"].removeprefix("job_events_") for row in rows]


@pytest.mark.parametrize("status", ["done", "dlq", "cancelled"])
async def test_ended_jobs_go_after_seven_days(conn: Connection, clock: Clock, status: str) -> None:
    job_id = await ended(conn, status, labels={"a": "b"})
    await clock.advance(7 * DAY - 60)
    await maintain(conn)
    assert await status_of(conn, job_id) == status
    await clock.advance(121)
    await maintain(conn)
    assert await status_of(conn, job_id) is None
    last = (await events(conn, job_id))[-1]
    assert (last["type"], last["by"]) == ("deleted", "maintenance")
    assert await conn.fetchval("select count(*) from jobstream.job_labels where job_id = $1", job_id) == 0


async def test_jobs_that_have_not_ended_stay(conn: Connection, clock: Clock) -> None:
    pending, later = await enqueue(conn), await enqueue(conn, delay=timedelta(days=90))
    await clock.advance(60 * DAY)
    await maintain(conn)
    assert [await status_of(conn, one) for one in (pending, later)] == ["pending", "waiting"]


async def test_age_counts_from_the_end_not_from_the_beginning(conn: Connection, clock: Clock) -> None:
    job_id = await enqueue(conn)
    await clock.advance(20 * DAY)
    await call(conn, "cancel", job_id)
    await maintain(conn)
    assert await status_of(conn, job_id) == "cancelled"


async def test_each_queue_has_its_own_retention(conn: Connection, clock: Clock) -> None:
    await call(conn, "set_queue", "short", retention_days=1)
    await call(conn, "set_queue", "long", retention_days=30)
    short, usual, long = [await ended(conn, queue=name) for name in ("short", "default", "long")]
    for wait, left in ((2, [None, "done", "done"]), (6, [None, None, "done"]), (23, [None, None, None])):
        await clock.advance(wait * DAY)
        await maintain(conn)
        assert [await status_of(conn, one) for one in (short, usual, long)] == left


async def test_no_retention_at_all_still_keeps_keys_for_a_day(conn: Connection, clock: Clock) -> None:
    await call(conn, "set_queue", "default", retention_days=0)
    keyed, plain = await ended(conn, "cancelled", idempotency_key="k"), await ended(conn, "cancelled")
    await clock.advance(120)
    await maintain(conn)
    assert [await status_of(conn, one) for one in (keyed, plain)] == ["cancelled", None]
    await clock.advance(DAY)
    await maintain(conn)
    assert await status_of(conn, keyed) is None


async def test_pipeline_stays_until_its_key_is_a_day_old(conn: Connection, clock: Clock) -> None:
    await call(conn, "set_queue", "default", retention_days=0)
    made = """select jobstream.create_pipeline('p', '[{"key": "a", "kind": "a"}]', 'k') ->> 'id'"""
    pipeline = await conn.fetchval(made)
    await call(conn, "cancel_pipeline", pipeline)
    for wait in (120, DAY - 180):
        await clock.advance(wait)
        await maintain(conn)
        assert await conn.fetchval(made) == pipeline
    await clock.advance(121)
    await maintain(conn)
    assert await conn.fetchval("select count(*) from jobstream.pipelines") == 0


async def test_more_than_a_batch_goes_by_calling_again_at_once(conn: Connection, clock: Clock) -> None:
    await fill(conn, 12_000)
    await conn.execute("update jobstream.jobs set status = 'cancelled'")
    await clock.advance(8 * DAY)
    await maintain(conn)
    assert await conn.fetchval("select count(*) from jobstream.jobs") == 0


async def test_job_that_somebody_holds_is_left_for_the_next_time(
    conn: Connection, connect: Connect, clock: Clock
) -> None:
    held, free = await ended(conn), await ended(conn)
    await clock.advance(8 * DAY)
    holder = await connect()
    async with holder.transaction():
        await holder.fetch("select from jobstream.jobs where id = $1 for update", held)
        await maintain(conn)
        assert [await status_of(conn, one) for one in (held, free)] == ["done", None]
    await clock.advance(61)
    await maintain(conn)
    assert await status_of(conn, held) is None


async def test_house_is_kept_at_most_once_a_minute(conn: Connection, clock: Clock) -> None:
    await maintain(conn)
    job_id = await ended(conn)
    await conn.execute(
        "update jobstream.jobs set completed_at = completed_at - interval '8 days' where id = $1", job_id
    )
    await maintain(conn)
    assert await status_of(conn, job_id) == "done"


async def test_fourteen_days_are_made_ahead_in_utc(conn: Connection, clock: Clock) -> None:
    await conn.execute("set timezone = 'Pacific/Kiritimati'")
    await clock.set(datetime(2033, 3, 1, 23, 59, tzinfo=UTC))
    await maintain(conn)
    made = await days(conn)
    wanted = [(datetime(2033, 3, 1, tzinfo=UTC) + timedelta(days=n)).strftime("%Y%m%d") for n in range(15)]
    assert made[-15:] == wanted


async def test_events_go_into_their_day(conn: Connection) -> None:
    job_id = await enqueue(conn)
    place = await conn.fetchval(
        "select tableoid::regclass::text from jobstream.job_events where job_id = $1", job_id
    )
    today = await conn.fetchval("select to_char(jobstream.clock() at time zone 'UTC', 'YYYYMMDD')")
    assert place == f"jobstream.job_events_{today}"


async def test_missing_day_costs_no_write(conn: Connection, clock: Clock) -> None:
    await clock.advance(400 * DAY)
    job_id = await enqueue(conn)
    assert (
        await conn.fetchval("select count(*) from jobstream.job_events_rest where job_id = $1", job_id) == 1
    )
    await maintain(conn)
    await clock.advance(16 * DAY)
    await maintain(conn)
    assert await conn.fetchval("select count(*) from jobstream.job_events_rest") == 0
    assert await conn.fetchval("select max_id > 0 from jobstream.event_horizon")


async def test_old_days_are_dropped_and_their_largest_xid_and_id_remembered(
    conn: Connection, clock: Clock
) -> None:
    job_id = await running(conn)
    last = (await events(conn, job_id))[-1]
    first_day = (await days(conn))[0]
    await clock.advance(14 * DAY)
    await maintain(conn)
    assert first_day in await days(conn)
    await clock.advance(DAY)
    await maintain(conn)
    assert first_day not in await days(conn)
    horizon = await conn.fetchrow("select max_xid::text, max_id from jobstream.event_horizon")
    assert horizon is not None
    assert (int(horizon["max_xid"]) >= int(last["xid"]), horizon["max_id"] >= last["id"]) == (True, True)
    assert await events(conn, job_id, "status") != []


async def test_reader_of_events_keeps_no_writer_waiting_while_days_are_made(
    conn: Connection, connect: Connect, clock: Clock
) -> None:
    reader = await connect()
    async with reader.transaction():
        await reader.fetch("select count(*) from jobstream.job_events")
        await clock.advance(3 * DAY)
        await maintain(conn)
        job_id = await enqueue(conn)
        assert await status_of(conn, job_id) == "pending"
    await clock.advance(61)
    await maintain(conn)
    assert len(await days(conn)) >= 15
