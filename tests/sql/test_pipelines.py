"""Pipelines: created at once, followed as one, cancelled, retried."""

import json
from typing import Any

import pytest

from tests.support import Connect, Connection
from tests.support.clock import Clock
from tests.support.sql import call, claim, claimed, history, job, maintain, refused, running, status_of

DIAMOND = [
    {"key": "d", "kind": "work", "after": ["b", "c"]},
    {"key": "b", "kind": "work", "after": ["a"]},
    {"key": "c", "kind": "work", "after": ["a"]},
    {"key": "a", "kind": "work", "args": {"n": 1}},
]


async def create(conn: Connection, steps: list[Any], name: str = "import", **named: Any) -> dict[str, Any]:
    """Create a pipeline: {id, jobs, idempotent}."""
    made: dict[str, Any] = json.loads(await call(conn, "create_pipeline", name, json.dumps(steps), **named))
    return made


async def pipeline(conn: Connection, pipeline_id: str) -> dict[str, Any]:
    """Return a pipeline's row."""
    row = await conn.fetchrow("select * from jobstream.pipelines where id = $1", pipeline_id)
    assert row is not None
    return dict(row)


async def told(conn: Connection, pipeline_id: str) -> list[tuple[Any, ...]]:
    """Return what its events say: (status, step, current)."""
    rows = await conn.fetch(
        "select data from jobstream.job_events where pipeline_id = $1 and type = 'pipeline' order by id",
        pipeline_id,
    )
    return [
        (data["status"], data["step"], data["current"]) for data in (json.loads(row["data"]) for row in rows)
    ]


async def finish(conn: Connection, job_id: str) -> None:
    """Claim jobs until that one came, and complete it."""
    assert job_id in await claimed(conn, 1)
    await call(conn, "complete", job_id, (await job(conn, job_id))["attempt"])


async def test_steps_are_jobs_that_await_each_other_in_any_order_given(conn: Connection) -> None:
    made = await create(conn, DIAMOND)
    jobs = made["jobs"]
    assert set(jobs) == {"a", "b", "c", "d"}
    assert made["idempotent"] is False
    assert await status_of(conn, jobs["a"]) == "pending"
    last = await job(conn, jobs["d"])
    assert (last["status"], sorted(last["await_jobs"])) == ("waiting", sorted([jobs["b"], jobs["c"]]))
    assert (last["pipeline_id"], last["pipeline_step"], last["trigger"]) == (made["id"], "d", "pipeline")
    row = await pipeline(conn, made["id"])
    assert (row["status"], row["step"], row["total_steps"], row["current_steps"]) == ("waiting", 0, 4, ["a"])


async def test_steps_run_as_their_upstreams_are_done_and_each_stage_is_told(conn: Connection) -> None:
    made = await create(conn, DIAMOND)
    jobs = made["jobs"]
    for key in "abcd":
        await finish(conn, jobs[key])
    row = await pipeline(conn, made["id"])
    assert (row["status"], row["step"], row["current_steps"], row["failed_step"]) == ("done", 4, [], None)
    assert row["completed_at"] is not None
    assert await told(conn, made["id"]) == [
        ("waiting", 0, ["a"]),
        ("running", 0, ["a"]),
        ("running", 1, ["b", "c"]),
        ("running", 2, ["c"]),
        ("running", 3, ["d"]),
        ("done", 4, []),
    ]


async def test_form_of_http_is_understood_too(conn: Connection) -> None:
    made = await create(
        conn,
        [
            {
                "key": "a",
                "spec": {"kind": "work", "args": {"n": 1}, "unique": "active", "unique_key": "u"},
                "scheduling": {"delay_seconds": 60},
                "retry": {"max_attempts": 7},
            }
        ],
    )
    row = await job(conn, made["jobs"]["a"])
    assert (row["kind"], json.loads(row["args"]), row["max_attempts"], row["unique_for"]) == (
        "work",
        {"n": 1},
        7,
        "active",
    )
    assert (row["scheduled_at"] - row["created_at"]).total_seconds() == 60


@pytest.mark.parametrize(
    "steps",
    [
        [],
        {},
        None,
        "x",
        [7],
        [{"kind": "a"}],
        [{"key": "a b", "kind": "a"}],
        [{"key": "a", "kind": "a"}, {"key": "a", "kind": "b"}],
        [{"key": "a", "kind": "a", "after": ["b"]}],
        [{"key": "a", "kind": "a", "after": ["a"]}],
        [{"key": "a", "kind": "a", "after": ["b"]}, {"key": "b", "kind": "b", "after": ["a"]}],
        [{"key": "a", "kind": "a", "after": "b"}, {"key": "b", "kind": "b"}],
        [{"key": "a", "kind": "a", "after": [7]}],
        [{"key": "a", "kind": "a", "after": [None]}],
        [{"key": "a", "kind": "a", "after": [["b"]]}],
        [{"key": "a", "kind": "a b"}],
        [{"key": "a", "kind": "a", "colour": "red"}],
        [{"key": "a", "spec": 7}],
        [{"key": "a", "kind": "a", "await_jobs": 7}],
        [{"key": "a", "spec": {"kind": "a"}, "scheduling": {"await_jobs": "x"}}],
        [{"key": "a", "kind": "a", "pipeline_id": "x", "priority": "high"}],
    ],
    ids=json.dumps,
)
async def test_bad_steps_are_refused_and_nothing_is_made(conn: Connection, steps: Any) -> None:
    with refused("JS400"):
        await create(conn, steps)
    assert await conn.fetchval("select count(*) from jobstream.pipelines") == 0
    assert await conn.fetchval("select count(*) from jobstream.jobs") == 0


@pytest.mark.parametrize("name", [None, "", "x" * 257])
async def test_bad_name_is_refused(conn: Connection, name: Any) -> None:
    with refused("JS400"):
        await create(conn, DIAMOND, name)


async def test_repeated_key_answers_the_first(conn: Connection) -> None:
    made = await create(conn, DIAMOND, idempotency_key="k")
    again = await create(conn, DIAMOND, idempotency_key="k")
    assert again == {**made, "idempotent": True}
    with refused("JS422"):
        await create(conn, DIAMOND[3:], idempotency_key="k")
    with refused("JS422"):
        await create(conn, DIAMOND, "other", idempotency_key="k")


async def test_keys_of_pipelines_are_a_space_of_their_own(conn: Connection) -> None:
    await conn.fetch("select jobstream.enqueue('work', idempotency_key => 'k')")
    assert (await create(conn, DIAMOND, idempotency_key="k"))["idempotent"] is False
    assert (await create(conn, DIAMOND, idempotency_key="k", owner="ann"))["idempotent"] is False


async def test_key_held_by_an_open_transaction_is_busy(conn: Connection, connect: Connect) -> None:
    holder = await connect()
    transaction = holder.transaction()
    await transaction.start()
    await create(holder, DIAMOND, idempotency_key="k")
    with refused("JS423"):
        await create(conn, DIAMOND, idempotency_key="k")
    await transaction.rollback()


async def test_failed_step_fails_the_pipeline_and_names_itself(conn: Connection) -> None:
    made = await create(conn, DIAMOND)
    jobs = made["jobs"]
    await finish(conn, jobs["a"])
    await claim(conn, 2)
    await call(conn, "fail", jobs["b"], 1, '"boom"', retryable=False)
    row = await pipeline(conn, made["id"])
    assert (row["status"], row["failed_step"]) == ("running", "b")
    assert (await job(conn, jobs["d"]))["last_error"] == f"awaited job {jobs['b']} ended dlq"
    await call(conn, "complete", jobs["c"], 1)
    row = await pipeline(conn, made["id"])
    assert (row["status"], row["step"], row["failed_step"]) == ("failed", 2, "b")


async def test_step_between_two_attempts_keeps_the_pipeline_running(conn: Connection) -> None:
    made = await create(conn, [{"key": "a", "kind": "work"}])
    await claim(conn)
    await call(conn, "fail", made["jobs"]["a"], 1, '"boom"')
    row = await pipeline(conn, made["id"])
    assert (row["status"], row["failed_step"], row["current_steps"]) == ("running", None, ["a"])


async def test_step_that_awaits_any_end_runs_after_a_failure(conn: Connection) -> None:
    made = await create(
        conn,
        [{"key": "a", "kind": "work"}, {"key": "b", "kind": "work", "after": ["a"], "await_for": "ended"}],
    )
    await claim(conn)
    await call(conn, "fail", made["jobs"]["a"], 1, '"boom"', retryable=False)
    await finish(conn, made["jobs"]["b"])
    row = await pipeline(conn, made["id"])
    assert (row["status"], row["step"], row["failed_step"]) == ("failed", 1, "a")


async def test_cancelled_pipeline_asks_running_steps_to_stop(conn: Connection, clock: Clock) -> None:
    made = await create(conn, DIAMOND)
    jobs = made["jobs"]
    await claim(conn)
    assert await call(conn, "cancel_pipeline", made["id"]) == "running"
    assert (await job(conn, jobs["a"]))["cancel_requested"] is True
    assert {await status_of(conn, jobs[key]) for key in "bcd"} == {"cancelled"}
    await clock.advance(11)
    await maintain(conn)
    row = await pipeline(conn, made["id"])
    assert (row["status"], row["failed_step"] is not None) == ("cancelled", True)
    assert await call(conn, "cancel_pipeline", made["id"]) == "cancelled"


async def test_retried_pipeline_runs_what_failed_and_what_it_held_up(conn: Connection) -> None:
    made = await create(conn, DIAMOND)
    jobs = made["jobs"]
    await finish(conn, jobs["a"])
    await claim(conn, 2)
    await call(conn, "complete", jobs["c"], 1)
    await call(conn, "fail", jobs["b"], 1, '"boom"', retryable=False)
    assert (await pipeline(conn, made["id"]))["status"] == "failed"
    assert await call(conn, "retry_pipeline", made["id"]) == "running"
    await maintain(conn)
    assert [await status_of(conn, jobs[key]) for key in "abcd"] == ["done", "pending", "done", "waiting"]
    assert (await pipeline(conn, made["id"]))["failed_step"] is None
    await finish(conn, jobs["b"])
    await finish(conn, jobs["d"])
    row = await pipeline(conn, made["id"])
    assert (row["status"], row["step"]) == ("done", 4)
    assert await history(conn, jobs["c"]) == ["waiting", "pending", "running", "done"]


async def test_retry_of_a_pipeline_without_failures_is_refused(conn: Connection) -> None:
    made = await create(conn, DIAMOND)
    with refused("JS409"):
        await call(conn, "retry_pipeline", made["id"])


@pytest.mark.parametrize("verb", ["cancel_pipeline", "retry_pipeline"])
async def test_unknown_pipeline_is_not_found(conn: Connection, verb: str) -> None:
    with refused("JS404"):
        await call(conn, verb, "01ARZ3NDEKTSV4RRFFQ69G5FAV")


async def test_step_may_await_a_job_outside(conn: Connection) -> None:
    outside = await running(conn, queue="other")
    made = await create(conn, [{"key": "a", "kind": "work", "await_jobs": [outside]}])
    assert await status_of(conn, made["jobs"]["a"]) == "waiting"
    await call(conn, "complete", outside, 1)
    assert await status_of(conn, made["jobs"]["a"]) == "pending"


async def test_large_pipeline_is_made_and_run(conn: Connection) -> None:
    steps: list[dict[str, Any]] = [{"key": "root", "kind": "work"}]
    steps += [{"key": f"s{n}", "kind": "work", "after": ["root"]} for n in range(300)]
    steps += [{"key": "last", "kind": "work", "after": [f"s{n}" for n in range(300)]}]
    made = await create(conn, steps)
    await finish(conn, made["jobs"]["root"])
    ids = await claimed(conn, 400)
    assert len(ids) == 300
    await conn.execute("select jobstream.complete_many($1, array_fill(1, array[300]))", ids)
    await finish(conn, made["jobs"]["last"])
    assert (await pipeline(conn, made["id"]))["status"] == "done"


async def test_chain_of_fifty_steps_is_made_and_fails_to_its_end(conn: Connection) -> None:
    steps: list[dict[str, Any]] = [{"key": "s0", "kind": "work"}]
    steps += [{"key": f"s{n}", "kind": "work", "after": [f"s{n - 1}"]} for n in range(1, 50)]
    made = await create(conn, steps)
    await claim(conn)
    await call(conn, "fail", made["jobs"]["s0"], 1, '"boom"', retryable=False)
    await maintain(conn)
    row = await pipeline(conn, made["id"])
    assert (row["status"], row["failed_step"]) == ("failed", "s0")


async def test_pipeline_whose_row_somebody_holds_keeps_no_step_waiting(
    conn: Connection, connect: Connect, clock: Clock
) -> None:
    made = await create(conn, DIAMOND)
    holder = await connect()
    async with holder.transaction():
        await holder.fetch("select from jobstream.pipelines where id = $1 for update", made["id"])
        await finish(conn, made["jobs"]["a"])
        assert (await pipeline(conn, made["id"]))["step"] == 0
        await maintain(conn)
    await clock.advance(1)
    await maintain(conn)
    assert (await pipeline(conn, made["id"]))["step"] == 1
    assert (await told(conn, made["id"]))[-1] == ("running", 1, ["b", "c"])


async def test_pipeline_goes_with_its_last_job(conn: Connection, clock: Clock) -> None:
    made = await create(conn, [{"key": "a", "kind": "work"}])
    await finish(conn, made["jobs"]["a"])
    await clock.advance(8 * 86_400)
    await maintain(conn)
    assert await conn.fetchval("select count(*) from jobstream.pipelines") == 0


async def test_events_of_steps_carry_their_pipeline(conn: Connection) -> None:
    made = await create(conn, DIAMOND)
    kinds = await conn.fetch(
        "select distinct type from jobstream.job_events where pipeline_id = $1 order by type", made["id"]
    )
    assert [row["type"] for row in kinds] == ["pipeline", "status"]
