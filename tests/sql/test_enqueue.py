"""enqueue(): defaults, first statuses, limits."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support import Connection
from tests.support.clock import Clock
from tests.support.sql import (
    call,
    claimed,
    detail_of_refusal,
    ended,
    enqueue,
    enqueue_row,
    events,
    history,
    job,
    refused,
    running,
    status_of,
)

HOUR = timedelta(hours=1)


async def test_plain_names_are_enough(conn: Connection) -> None:
    row = await conn.fetchrow("select * from jobstream.enqueue('thumbnail', queue => 'images')")
    assert row is not None
    assert (row["status"], row["idempotent"]) == ("pending", False)


async def test_defaults_are_those_of_the_contract(conn: Connection) -> None:
    made = await job(conn, await enqueue(conn))
    expected = {
        "queue": "default",
        "kind": "work",
        "priority": 0,
        "status": "pending",
        "reason": None,
        "attempt": 0,
        "failures": 0,
        "crashes": 0,
        "max_attempts": 3,
        "owner": "",
        "args": "{}",
        "labels": "{}",
        "errors": "[]",
        "cancel_requested": False,
        "await_for": "done",
        "timeout_seconds": None,
        "backoff": None,
        "trigger": "demand",
    }
    assert {name: made[name] for name in expected} == expected
    for empty in (
        "scheduled_at",
        "deadline",
        "started_at",
        "completed_at",
        "lease_until",
        "worker",
        "result",
    ):
        assert made[empty] is None, empty


async def test_every_parameter_reaches_its_column(conn: Connection) -> None:
    parent = await enqueue(conn, owner="ann")
    upstream = await enqueue(conn, owner="ann")
    moment = datetime(2040, 1, 2, tzinfo=UTC)
    given: dict[str, Any] = {
        "args": {"a": [1, None, "ü"]},
        "queue": "images",
        "priority": -5,
        "scheduled_at": moment,
        "deadline": moment + HOUR,
        "idempotency_key": "k!",
        "max_attempts": 7,
        "backoff": {"type": "fixed", "base": 2},
        "timeout_seconds": 9,
        "labels": {"tenant": "x"},
        "concurrency_key": "c",
        "await_jobs": [upstream],
        "await_for": "ended",
        "unique_for": "active",
        "unique_key": "u",
        "owner": "ann",
        "triggered_by": "me",
        "parent_job": parent,
        "class": "c1",
        "mode": "m1",
        "scope": "s1",
    }
    made = await job(conn, await enqueue(conn, "k1", **given))
    shown = {
        name: json.loads(made[name]) if isinstance(value, dict) else made[name]
        for name, value in given.items()
    }
    assert shown == given
    assert made["status"] == "waiting"


async def test_creation_is_the_first_event(conn: Connection) -> None:
    job_id = await enqueue(conn, labels={"a": "b"}, owner="ann")
    [first] = await events(conn, job_id)
    assert (first["type"], first["status"], first["attempt"]) == ("status", "pending", 0)
    assert json.loads(first["data"]) == {"from": None, "reason": None}
    assert (first["owner"], json.loads(first["labels"])) == ("ann", {"a": "b"})


@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        ({"delay": HOUR}, "waiting"),
        ({"delay": timedelta(0)}, "pending"),
        ({"scheduled_at": datetime(2040, 1, 1, tzinfo=UTC)}, "waiting"),
        ({"scheduled_at": datetime(2001, 1, 1, tzinfo=UTC)}, "pending"),
        ({"concurrency_key": "c"}, "waiting"),
    ],
)
async def test_first_status(conn: Connection, parameters: dict[str, Any], status: str) -> None:
    job_id = await enqueue(conn, **parameters)
    assert await history(conn, job_id) == [status]


async def test_delay_is_counted_from_the_databases_clock(conn: Connection, clock: Clock) -> None:
    await clock.set(datetime(2031, 1, 1, tzinfo=UTC))
    made = await job(conn, await enqueue(conn, delay=HOUR))
    assert timedelta(0) <= made["scheduled_at"] - datetime(2031, 1, 1, 1, tzinfo=UTC) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kind", "'with blank'"),
        ("kind", "''"),
        ("kind", "null"),
        ("kind", "'.dot'"),
        ("kind", "repeat('k', 129)"),
        ("kind", "E'line\\n'"),
        ("queue", "'a/b'"),
        ("queue", "'ü'"),
        ("args", "to_jsonb(repeat('x', 1048575))"),
        ("labels", "'[]'"),
        ("labels", "'{\"a\": 1}'"),
        ("labels", "'{\"a\": null}'"),
        ("labels", '\'{"": "x"}\''),
        ("labels", '\'{"a:b": "x"}\''),
        ("labels", "jsonb_build_object('a', repeat('x', 129))"),
        ("labels", "jsonb_build_object(repeat('x', 129), 'a')"),
        ("labels", "(select jsonb_object_agg('l' || n, 'x') from generate_series(1, 33) as n)"),
        ("backoff", "'\"fixed\"'"),
        ("backoff", '\'{"type": "random"}\''),
        ("backoff", "'{\"base\": -1}'"),
        ("backoff", '\'{"base": "5"}\''),
        ("backoff", "'{\"jitter\": 2}'"),
        ("backoff", "'{\"factor\": 2}'"),
        ("backoff", "'{\"max\": 1e300}'"),
        ("delay", "interval '-1 s'"),
        ("delay", "interval '1000 years'"),
        ("scheduled_at", "'infinity'::timestamptz"),
        ("deadline", "'-infinity'::timestamptz"),
        ("idempotency_key", "''"),
        ("idempotency_key", "'a b'"),
        ("idempotency_key", "E'a\\n'"),
        ("idempotency_key", "'ä'"),
        ("idempotency_key", "repeat('x', 257)"),
        ("max_attempts", "0"),
        ("max_attempts", "-1"),
        ("timeout_seconds", "0"),
        ("concurrency_key", "''"),
        ("concurrency_key", "repeat('x', 257)"),
        ("unique_key", "''"),
        ("owner", "repeat('x', 257)"),
        ("parent_job", "'nonsense'"),
        ("triggered_by", "repeat('x', 1025)"),
    ],
)
async def test_bad_input_is_refused_with_its_field(conn: Connection, field: str, value: str) -> None:
    named = "" if field == "kind" else "'work', "
    more = ", unique_for => 'active'" if field == "unique_key" else ""
    code, detail = await detail_of_refusal(
        conn, f"select * from jobstream.enqueue({named}{field} => {value}{more})"
    )
    assert (code, detail.get("ordinal"), detail.get("field")) == ("JS400", 1, field)
    assert await conn.fetchval("select count(*) from jobstream.jobs") == 0


@pytest.mark.parametrize(
    "rest",
    [
        "await_for => 'never'",
        "unique_for => 'ever', unique_key => 'u'",
        "unique_for => 'active'",
        "unique_key => 'u'",
        "delay => '1 s', scheduled_at => now()",
    ],
)
async def test_parameters_that_do_not_fit_are_refused(conn: Connection, rest: str) -> None:
    with refused("JS400"):
        await conn.fetch(f"select * from jobstream.enqueue('work', {rest})")


async def test_limits_themselves_are_allowed(conn: Connection) -> None:
    labels = {f"l{n:02}".ljust(128, "x"): "y" * 128 for n in range(32)}
    job_id = await enqueue(
        conn,
        "K" * 128,
        queue="q" * 128,
        labels=labels,
        idempotency_key="!" + "~" * 255,
        concurrency_key="ü" * 256,
        owner="o" * 256,
    )
    assert json.loads((await job(conn, job_id))["labels"]) == labels
    long_args = await conn.fetchval(
        "select id from jobstream.enqueue('work', to_jsonb(repeat('x', 1048574)))"
    )
    assert await status_of(conn, long_args) == "pending"


async def test_args_count_as_their_text_not_as_they_are_stored(conn: Connection) -> None:
    with refused("JS400"):
        await conn.fetch("select jobstream.enqueue('work', to_jsonb(repeat(E'\\x01', 174763)))")


def named(parameter: str, job_id: str) -> dict[str, Any]:
    return {parameter: [job_id] if parameter == "await_jobs" else job_id}


@pytest.mark.parametrize("parameter", ["await_jobs", "parent_job"])
async def test_unknown_id_is_not_found(conn: Connection, parameter: str) -> None:
    with refused("JS404"):
        await enqueue(conn, **named(parameter, "01ARZ3NDEKTSV4RRFFQ69G5FAV"))


@pytest.mark.parametrize("parameter", ["await_jobs", "parent_job"])
async def test_another_owners_id_is_not_found(conn: Connection, parameter: str) -> None:
    other = await enqueue(conn, owner="ann")
    with refused("JS404"):
        await enqueue(conn, owner="bob", **named(parameter, other))


async def test_job_enqueued_in_a_transaction_rolled_back_leaves_nothing(conn: Connection) -> None:
    transaction = conn.transaction()
    await transaction.start()
    await enqueue(conn, labels={"a": "b"}, concurrency_key="c")
    await transaction.rollback()
    for table in ("jobs", "job_labels", "job_awaits", "job_events"):
        assert await conn.fetchval(f"select count(*) from jobstream.{table}") == 0


async def test_job_can_be_claimed_in_the_transaction_that_made_it(conn: Connection) -> None:
    async with conn.transaction():
        job_id = await enqueue(conn, concurrency_key="c")
        assert await claimed(conn) == [job_id]


async def test_parent_that_ended_may_still_have_children(conn: Connection) -> None:
    parent = await ended(conn)
    assert (await job(conn, await enqueue(conn, parent_job=parent)))["parent_job"] == parent


async def test_row_says_the_first_status_and_that_it_is_new(conn: Connection) -> None:
    row = await enqueue_row(conn, delay=HOUR)
    assert (row["status"], row["idempotent"]) == ("waiting", False)


async def test_null_for_a_parameter_means_its_default(conn: Connection) -> None:
    made = await job(
        conn, await enqueue(conn, args=None, queue=None, priority=None, max_attempts=None, owner=None)
    )
    assert (made["args"], made["queue"], made["priority"], made["max_attempts"]) == ("{}", "default", 0, 3)
    assert (made["labels"], made["owner"]) == ("{}", "")


async def test_running_parent_is_no_obstacle_to_anything(conn: Connection) -> None:
    parent = await running(conn)
    child = await enqueue(conn, parent_job=parent)
    await call(conn, "complete", parent, 1)
    assert await status_of(conn, child) == "pending"


@pytest.mark.parametrize(
    "repeated",
    [
        "",
        ", idempotency_key => jobstream.new_id()",
        ", idempotency_key => 'the-same-each-time'",
        ", unique_for => 'active', unique_key => jobstream.new_id()",
    ],
)
async def test_enqueue_again_and_again_plans_nothing_but_its_own_call(
    conn: Connection, repeated: str
) -> None:
    if conn.get_server_version().major < 18:
        pytest.skip("before PostgreSQL 18 functions in SQL keep no plans")
    call = f"select jobstream.enqueue('work'{repeated})"
    for _ in range(10):
        await conn.execute(call)
    told: list[str] = []
    conn.add_log_listener(lambda _, message: told.append(str(message.message)))
    await conn.execute("set log_planner_stats = on")
    await conn.execute("set client_min_messages = log")
    await conn.execute(call)
    await conn.execute("set client_min_messages = notice")
    assert told.count("PLANNER STATISTICS") == 1
