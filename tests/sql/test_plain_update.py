"""Plain UPDATEs of jobs: checked against the contract, completed, logged, announced."""

import json
from datetime import timedelta

import pytest

from jobstream.domain.job import Status
from jobstream.domain.transitions import ONLY_BY_CLAIM, may_become
from tests.support import Connect, Connection
from tests.support.clock import Clock
from tests.support.sql import (
    call,
    claim,
    claimed,
    data_of,
    ended,
    enqueue,
    events,
    history,
    job,
    maintain,
    refused,
    running,
    status_of,
)

MINUTE = timedelta(minutes=1)


async def made(conn: Connection, status: Status) -> str:
    """Make a job in that status."""
    match status:
        case Status.WAITING:
            return await enqueue(conn, delay=MINUTE)
        case Status.PENDING:
            return await enqueue(conn)
        case Status.RUNNING:
            return await running(conn)
        case _:
            return await ended(conn, status)


async def put(conn: Connection, job_id: str, change: str) -> None:
    """Change a job by a plain UPDATE."""
    await conn.execute(f"update jobstream.jobs set {change} where id = $1", job_id)


PAIRS = [(before, after) for before in Status for after in Status if before != after]
# Past a deadline only, which is another test.
BY_DEADLINE = {(before, Status.DLQ) for before in (Status.WAITING, Status.PENDING, Status.FAILED)}
LEGAL = [
    pair for pair in PAIRS if may_become(*pair) and pair not in ONLY_BY_CLAIM and pair not in BY_DEADLINE
]
ILLEGAL = [pair for pair in PAIRS if pair not in LEGAL]


@pytest.mark.parametrize(("before", "after"), LEGAL, ids="-".join)
async def test_legal_change_is_completed_and_logged_with_its_doer(
    conn: Connection, before: Status, after: Status
) -> None:
    job_id = await made(conn, before)
    await put(conn, job_id, f"status = '{after}'")
    row = await job(conn, job_id)
    assert row["status"] == after
    assert (row["completed_at"] is not None) is (after in {"done", "dlq", "cancelled"})
    assert (row["reason"] is not None) is (after in {"dlq", "cancelled"})
    assert (row["lease_until"], row["worker"]) == (None, None)
    last = (await events(conn, job_id, "status"))[-1]
    assert (last["status"], data_of(last)["from"]) == (after, before)
    user = await conn.fetchval("select session_user")
    assert last["by"].split("/")[0] == user


@pytest.mark.parametrize(("before", "after"), ILLEGAL, ids="-".join)
async def test_illegal_change_is_refused_and_leaves_no_event(
    conn: Connection, before: Status, after: Status
) -> None:
    job_id = await made(conn, before)
    told = await history(conn, job_id)
    with refused("JS409"):
        await put(conn, job_id, f"status = '{after}'")
    assert await status_of(conn, job_id) == before
    assert await history(conn, job_id) == told


@pytest.mark.parametrize("before", [Status.WAITING, Status.PENDING, Status.FAILED])
async def test_dlq_by_hand_is_for_jobs_past_their_deadline(
    conn: Connection, clock: Clock, before: Status
) -> None:
    job_id = await made(conn, before)
    await put(conn, job_id, "deadline = jobstream.clock() + interval '30 s'")
    with refused("JS409"):
        await put(conn, job_id, "status = 'dlq'")
    await clock.advance(31)
    await put(conn, job_id, "status = 'dlq'")
    assert (await job(conn, job_id))["reason"] == "deadline"


async def test_unknown_status_is_refused(conn: Connection) -> None:
    job_id = await enqueue(conn)
    with refused("JS409"):
        await put(conn, job_id, "status = 'paused'")
    with refused("JS409"):
        await put(conn, job_id, "status = 'Done'")


@pytest.mark.parametrize("column", ["id", "owner", "idempotency_key"])
async def test_what_never_changes_cannot_be_changed(conn: Connection, column: str) -> None:
    job_id = await enqueue(conn)
    with refused("JS400"):
        await put(conn, job_id, f"{column} = jobstream.new_id()")


@pytest.mark.parametrize(
    "change", ["attempt = 5", "created_at = now()", "idempotency_key = 'k'", "await_jobs = array['x']"]
)
async def test_neither_attempt_nor_creation_can_be_changed(conn: Connection, change: str) -> None:
    job_id = await enqueue(conn)
    with refused("JS400"):
        await put(conn, job_id, change)


@pytest.mark.parametrize(
    "change",
    [
        "queue = 'a b'",
        "kind = ''",
        "labels = '[]'",
        "labels = '{\"a\": 7}'",
        'backoff = \'{"type": "x"}\'',
        "args = to_jsonb(repeat('x', 1048577))",
        "scheduled_at = 'infinity'",
        "scheduled_at = '20000-01-01'",
        "deadline = '-infinity'",
        "started_at = 'infinity'",
        "errors = '{}'",
        "progress = '7'",
        "cost_usd = 'NaN'",
        "max_attempts = 0",
        "timeout_seconds = 0",
        "await_for = 'x'",
        "concurrency_key = ''",
        "parent_job = 'x'",
        "trigger = 'x'",
    ],
)
async def test_values_that_enqueue_refuses_are_refused(conn: Connection, change: str) -> None:
    job_id = await enqueue(conn)
    with refused("JS400"):
        await put(conn, job_id, change)


@pytest.mark.parametrize(
    "change",
    ["lease_until = now()", "worker = 'w'", "reason = 'requested'", "failures = -1", "attempt = -1"],
)
async def test_invariants_hold(conn: Connection, change: str) -> None:
    job_id = await enqueue(conn)
    code = "JS400" if change.startswith("attempt") else "23514"
    with refused(code):
        await put(conn, job_id, change)


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ("priority = 5", ["priority"]),
        ('labels = \'{"a": "b"}\'', ["labels"]),
        ("args = '{\"a\": 1}'", ["args"]),
        ("deadline = '2040-01-01'", ["schedule"]),
        ("queue = 'other'", ["queue"]),
        ("priority = 5, args = '[]'", ["priority", "args"]),
    ],
)
async def test_change_of_a_job_that_stays_where_it_is_is_an_updated_event(
    conn: Connection, change: str, names: list[str]
) -> None:
    job_id = await enqueue(conn)
    await put(conn, job_id, change)
    last = (await events(conn, job_id))[-1]
    assert (last["type"], last["status"], data_of(last)) == ("updated", "pending", {"changed": names})


async def test_update_that_changes_nothing_says_nothing(conn: Connection) -> None:
    job_id = await enqueue(conn, labels={"a": "b"})
    await put(conn, job_id, "priority = priority, status = status, labels = labels")
    assert len(await events(conn, job_id)) == 1


async def test_update_of_a_waiting_jobs_time_is_an_event(conn: Connection) -> None:
    job_id = await enqueue(conn, delay=MINUTE)
    await put(conn, job_id, "scheduled_at = scheduled_at + interval '1 hour'")
    assert data_of((await events(conn, job_id))[-1]) == {"changed": ["schedule"]}


async def test_pending_job_put_off_waits_for_its_time(conn: Connection, clock: Clock) -> None:
    job_id = await enqueue(conn)
    await put(conn, job_id, "scheduled_at = jobstream.clock() + interval '1 minute'")
    await maintain(conn)
    assert (await status_of(conn, job_id), (await job(conn, job_id))["hold"]) == ("waiting", "time")
    await clock.advance(61)
    await maintain(conn)
    assert await claimed(conn) == [job_id]


async def test_waiting_job_made_pending_can_be_claimed(conn: Connection) -> None:
    job_id = await enqueue(conn, delay=MINUTE)
    await put(conn, job_id, "status = 'pending'")
    assert await claimed(conn) == [job_id]


async def test_waiting_job_made_due_can_be_claimed(conn: Connection) -> None:
    job_id = await enqueue(conn, delay=MINUTE)
    await put(conn, job_id, "scheduled_at = now()")
    assert await claimed(conn) == [job_id]


async def test_job_that_waits_for_others_cannot_be_pushed_past_them(conn: Connection) -> None:
    upstream = await running(conn)
    follower = await enqueue(conn, await_jobs=[upstream])
    await put(conn, follower, "status = 'pending'")
    await maintain(conn)
    assert await status_of(conn, follower) == "waiting"


async def test_labels_changed_by_hand_are_found_by_label(conn: Connection) -> None:
    job_id = await enqueue(conn, labels={"a": "1", "b": "2"})
    await put(conn, job_id, 'labels = \'{"a": "3"}\'')
    rows = await conn.fetch(
        "select name, value from jobstream.job_labels where job_id = $1 and name !~ '^:' order by name",
        job_id,
    )
    assert [tuple(row) for row in rows] == [("a", "3")]


async def test_ended_job_set_pending_starts_anew(conn: Connection) -> None:
    job_id = await ended(conn, "dlq")
    await put(conn, job_id, "status = 'pending'")
    row = await job(conn, job_id)
    assert (row["failures"], row["crashes"], row["trigger"], row["completed_at"]) == (0, 0, "retry", None)
    assert len(json.loads(row["errors"])) == 1
    [again] = await claim(conn)
    assert again["attempt"] == 2


async def test_lease_taken_away_by_hand_is_lost_to_its_worker(conn: Connection) -> None:
    job_id = await running(conn)
    await put(conn, job_id, "status = 'pending'")
    with refused("JS410"):
        await call(conn, "complete", job_id, 1)


async def test_cancel_asked_for_by_hand_ends_after_the_grace(conn: Connection, clock: Clock) -> None:
    job_id = await running(conn)
    await put(conn, job_id, "cancel_requested = true")
    assert data_of((await events(conn, job_id))[-1]) == {"changed": ["cancel_requested"]}
    await clock.advance(11)
    await maintain(conn)
    assert await status_of(conn, job_id) == "cancelled"


async def test_cancel_cannot_be_asked_of_a_job_that_does_not_run(conn: Connection) -> None:
    job_id = await enqueue(conn)
    await put(conn, job_id, "cancel_requested = true")
    assert (await job(conn, job_id))["cancel_requested"] is False


@pytest.mark.parametrize("status", ["failed", "pending", "waiting", "dlq"])
async def test_with_a_cancel_pending_every_way_out_but_done_ends_cancelled(
    conn: Connection, status: str
) -> None:
    job_id = await running(conn)
    await call(conn, "cancel", job_id, force=True)
    await put(conn, job_id, f"status = '{status}'")
    assert await history(conn, job_id) == ["pending", "running", "cancelled"]


async def test_hidden_columns_cannot_be_written_by_hand(conn: Connection) -> None:
    job_id = await running(conn)
    await call(conn, "complete", job_id, 1)
    await put(conn, job_id, "ended_attempt = 7, ended_verb = 'fail', error_count = 9, fingerprint = 'x'")
    row = await job(conn, job_id)
    assert (row["ended_attempt"], row["ended_verb"], row["error_count"]) == (1, "complete", 0)


async def test_one_update_of_many_is_one_event_each(conn: Connection) -> None:
    ids = [await enqueue(conn) for _ in range(5)]
    await conn.execute("update jobstream.jobs set status = 'cancelled'")
    for job_id in ids:
        assert await history(conn, job_id) == ["pending", "cancelled"]


async def test_one_refused_row_refuses_the_statement(conn: Connection) -> None:
    pending, done = await enqueue(conn), None
    done = await ended(conn, "cancelled")
    with refused("JS409"):
        await conn.execute("update jobstream.jobs set status = 'done'")
    assert (await status_of(conn, pending), await status_of(conn, done)) == ("pending", "cancelled")


async def test_principal_of_the_transaction_is_who_did_it(conn: Connection) -> None:
    job_id = await enqueue(conn)
    async with conn.transaction():
        await conn.execute("select set_config('jobstream.principal', 'ann', true)")
        await put(conn, job_id, "status = 'cancelled'")
    assert (await events(conn, job_id))[-1]["by"] == "ann"


async def test_plain_sql_after_a_workers_verb_in_one_transaction_is_plain(
    conn: Connection, connect: Connect
) -> None:
    session = await connect(server_settings={"application_name": "psql"})
    gone = await ended(conn)
    async with session.transaction():
        await enqueue(session)
        [row] = await claim(session)
        with refused("JS409"):
            async with session.transaction():
                await put(session, row["id"], "status = 'running', attempt = attempt")
                await put(session, gone, "status = 'failed'")
        await put(session, row["id"], "status = 'done'")
        await session.execute("delete from jobstream.jobs where id = $1", gone)
    user = await conn.fetchval("select session_user")
    assert (await events(conn, row["id"]))[-1]["by"] == f"{user}/psql"
    assert (await events(conn, gone))[-1]["by"] == f"{user}/psql"
