"""new_id(): ULIDs that rise with time."""

import asyncio
from datetime import UTC, datetime

from ulid import ULID

from jobstream.domain.ids import is_ulid
from tests.support import Connect, Connection
from tests.support.clock import Clock


async def test_id_is_a_ulid_of_the_clocks_milliseconds(conn: Connection, clock: Clock) -> None:
    moment = datetime(2031, 5, 6, 7, 8, 9, 123000, tzinfo=UTC)
    await clock.set(moment)
    made = await conn.fetchval("select jobstream.new_id()")
    assert is_ulid(made)
    assert 0 <= (ULID.from_str(made).datetime - moment).total_seconds() < 2


async def test_ids_rise_within_a_statement(conn: Connection) -> None:
    made = [
        row["id"] for row in await conn.fetch("select jobstream.new_id() as id from generate_series(1, 2000)")
    ]
    assert made == sorted(made)
    assert len(set(made)) == 2000


async def test_ids_of_two_sessions_never_meet(connect: Connect) -> None:
    sessions = [await connect(), await connect()]
    made = await asyncio.gather(
        *(one.fetch("select jobstream.new_id() as id from generate_series(1, 2000)") for one in sessions)
    )
    assert len({row["id"] for rows in made for row in rows}) == 4000


async def test_form_of_ids_is_known(conn: Connection) -> None:
    texts = [
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "01arz3ndektsv4rrffq69g5fav",
        "81ARZ3NDEKTSV4RRFFQ69G5FAV",
        "",
        None,
    ]
    rows = await conn.fetch("select jobstream.is_id(t) as fits from unnest($1::text[]) as t", texts)
    assert [row["fits"] for row in rows] == [True, False, False, False, False]
