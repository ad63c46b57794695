"""heartbeat(): renews what runs, says what is lost and what should stop; waits for nobody."""

from datetime import timedelta
from typing import Any

import pytest

from tests.support import Connect, Connection
from tests.support.clock import Clock
from tests.support.sql import call, claim, events, fill, job, maintain, refused, running

UNKNOWN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


async def heartbeat(
    conn: Connection, ids: list[Any], attempts: list[Any], lease: int = 30
) -> list[tuple[Any, ...]]:
    """Renew: rows of (lost, cancel_requested)."""
    rows = await conn.fetch(
        "select * from jobstream.heartbeat($1, $2, $3)", ids, attempts, timedelta(seconds=lease)
    )
    assert [row["id"] for row in rows] == ids
    return [(row["lost"], row["cancel_requested"]) for row in rows]


async def test_leases_are_renewed_without_an_event(conn: Connection, clock: Clock) -> None:
    ids = await fill(conn, 3)
    await claim(conn, 3)
    await clock.advance(20)
    assert await heartbeat(conn, ids, [1, 1, 1], lease=60) == [(False, False)] * 3
    left = (await job(conn, ids[0]))["lease_until"] - await clock.now()
    assert timedelta(seconds=55) < left <= timedelta(seconds=60)
    assert len(await events(conn, ids[0])) == 2


async def test_expired_lease_that_nobody_has_rescued_is_renewed(conn: Connection, clock: Clock) -> None:
    job_id = await running(conn)
    await clock.advance(100)
    assert await heartbeat(conn, [job_id], [1]) == [(False, False)]
    await maintain(conn)
    assert (await job(conn, job_id))["status"] == "running"


async def test_lost_and_unknown_ones_are_said_in_order(conn: Connection) -> None:
    ids = await fill(conn, 2)
    await claim(conn, 2)
    await call(conn, "complete", ids[1], 1)
    rows = await heartbeat(conn, [UNKNOWN, ids[1], ids[0], ids[0], None], [1, 1, 2, 1, 1])
    assert rows == [(True, False), (True, False), (True, False), (False, False), (True, False)]


async def test_who_was_asked_to_stop_is_told(conn: Connection) -> None:
    ids = await fill(conn, 2)
    await claim(conn, 2)
    await call(conn, "cancel", ids[0], force=True)
    assert await heartbeat(conn, ids, [1, 1]) == [(False, True), (False, False)]


async def test_row_that_somebody_holds_is_passed_over_and_not_lost(
    conn: Connection, connect: Connect
) -> None:
    ids = await fill(conn, 2)
    await claim(conn, 2)
    until = (await job(conn, ids[0]))["lease_until"]
    holder = await connect()
    async with holder.transaction():
        await holder.fetch("select from jobstream.jobs where id = $1 for update", ids[0])
        assert await heartbeat(conn, ids, [1, 1], lease=90) == [(False, False)] * 2
    assert (await job(conn, ids[0]))["lease_until"] == until
    assert (await job(conn, ids[1]))["lease_until"] > until


@pytest.mark.parametrize(
    "arguments", ["array['a'], array[1, 2]", "'{}', '{}', '0'", "'{}', '{}', null", "'{}', '{}', '2 days'"]
)
async def test_bad_input_is_refused(conn: Connection, arguments: str) -> None:
    with refused("JS400"):
        await conn.fetch(f"select * from jobstream.heartbeat({arguments})")


async def test_nothing_to_renew_is_no_error(conn: Connection) -> None:
    assert await heartbeat(conn, [], []) == []
