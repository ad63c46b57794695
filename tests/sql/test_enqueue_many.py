"""enqueue_many(): all or none, in order, each answered."""

import json
from typing import Any

import pytest

from tests.support import Connection
from tests.support.sql import detail_of_refusal, enqueue, enqueue_many, job, refused, status_of

CALL = "select * from jobstream.enqueue_many($1)"


async def test_answers_come_in_order_numbered_from_one(conn: Connection) -> None:
    rows = await enqueue_many(conn, [{"kind": f"k{n}"} for n in range(50)])
    assert [row["ordinal"] for row in rows] == list(range(1, 51))
    assert [(await job(conn, row["id"]))["kind"] for row in rows] == [f"k{n}" for n in range(50)]
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)


async def test_empty_array_makes_nothing(conn: Connection) -> None:
    assert await enqueue_many(conn, []) == []


async def test_delay_is_seconds_or_an_interval(conn: Connection) -> None:
    rows = await enqueue_many(
        conn, [{"kind": "a", "delay": "90"}, {"kind": "a", "delay": "2 minutes"}, {"kind": "a", "delay": 1.5}]
    )
    waits = [
        (made["scheduled_at"] - made["created_at"]).total_seconds()
        for made in [await job(conn, row["id"]) for row in rows]
    ]
    assert waits == pytest.approx([90, 120, 1.5], abs=0.01)


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ({"kind": "a b"}, "kind"),
        ({"queue": "images"}, "kind"),
        ({"kind": "a", "colour": "red"}, "colour"),
        ({"kind": "a", "priority": "high"}, None),
        ({"kind": "a", "priority": 3_000_000_000}, None),
        ({"kind": "a", "scheduled_at": "tomorrowish"}, None),
        ({"kind": "a", "delay": "soon"}, None),
        ({"kind": "a", "await_jobs": "01J"}, None),
        ({"kind": "a", "labels": {"a": 1}}, "labels"),
        ("a string", None),
        (None, None),
        ([], None),
    ],
)
async def test_one_bad_request_refuses_all_and_is_named(
    conn: Connection, bad: Any, field: str | None
) -> None:
    jobs = json.dumps([{"kind": "fine"}, {"kind": "fine"}, bad, {"kind": "fine"}])
    code, detail = await detail_of_refusal(conn, CALL, jobs)
    assert (code, detail["ordinal"]) == ("JS400", 3)
    if field is not None:
        assert detail["field"] == field
    assert await conn.fetchval("select count(*) from jobstream.jobs") == 0


@pytest.mark.parametrize("jobs", ["{}", '"x"', "null", "7"])
async def test_anything_but_an_array_is_refused(conn: Connection, jobs: str) -> None:
    with refused("JS400"):
        await conn.fetch(CALL, jobs)


async def test_sql_null_is_refused(conn: Connection) -> None:
    with refused("JS400"):
        await conn.fetch("select * from jobstream.enqueue_many(null)")


async def test_key_used_with_another_body_names_its_item_and_job(conn: Connection) -> None:
    first = await enqueue(conn, idempotency_key="k")
    code, detail = await detail_of_refusal(
        conn, CALL, json.dumps([{"kind": "a"}, {"kind": "b", "idempotency_key": "k"}])
    )
    assert (code, detail) == ("JS422", {"ordinal": 2, "field": "idempotency_key", "id": first})
    assert await conn.fetchval("select count(*) from jobstream.jobs") == 1


async def test_one_key_twice_in_a_batch_makes_one_job(conn: Connection) -> None:
    rows = await enqueue_many(conn, [{"kind": "a", "idempotency_key": "k"}] * 3)
    assert len({row["id"] for row in rows}) == 1
    assert [row["idempotent"] for row in rows] == [False, True, True]


async def test_one_key_twice_in_a_batch_with_two_bodies_is_refused(conn: Connection) -> None:
    code, detail = await detail_of_refusal(
        conn,
        CALL,
        json.dumps([{"kind": "a", "idempotency_key": "k"}, {"kind": "b", "idempotency_key": "k"}]),
    )
    assert (code, detail["ordinal"]) == ("JS422", 2)


async def test_unknown_upstream_names_its_item(conn: Connection) -> None:
    code, detail = await detail_of_refusal(
        conn, CALL, json.dumps([{"kind": "a"}, {"kind": "b", "await_jobs": ["01ARZ3NDEKTSV4RRFFQ69G5FAV"]}])
    )
    assert (code, detail) == ("JS404", {"ordinal": 2, "field": "await_jobs"})


async def test_fields_given_as_null_mean_their_defaults(conn: Connection) -> None:
    [row] = await enqueue_many(
        conn,
        [{"kind": "a", "args": None, "labels": None, "backoff": None, "queue": None, "await_jobs": None}],
    )
    assert await status_of(conn, row["id"]) == "pending"
    assert (await job(conn, row["id"]))["backoff"] is None
