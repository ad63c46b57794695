"""The verbs of callers, each against the real functions."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import msgspec
import pytest

from jobstream.domain.backoff import Backoff
from jobstream.domain.cursor import Cursor
from jobstream.domain.job import JobFilter, NewJob, Status
from jobstream.errors import (
    Conflict,
    InvalidArgument,
    JobStreamError,
    KeyReused,
    NotFound,
    TooLarge,
)
from jobstream.store.events import Batch, EventStore
from jobstream.store.jobs import JobStore
from jobstream.store.leases import LeaseStore
from jobstream.store.pool import Database
from tests.support.types import Connect, Connection

UNKNOWN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


@pytest.fixture
def jobs(database: Database) -> JobStore:
    return JobStore(database)


async def actors(conn: Connection, id: str) -> list[str]:
    rows = await conn.fetch("select by from jobstream.job_events where job_id = $1 order by id", id)
    return [row["by"] for row in rows]


async def test_a_new_job_is_pending_with_the_contract_s_defaults(jobs: JobStore) -> None:
    made = await jobs.enqueue(NewJob(kind="thumbnail", args={"path": "a"}))
    assert (made.status, made.idempotent) == (Status.PENDING, False)
    job = await jobs.get(made.id)
    assert job.spec.args == {"path": "a"}
    assert (job.spec.queue, job.spec.priority, job.spec.labels) == ("default", 0, {})
    assert (job.retry.attempt, job.retry.failures, job.retry.max_attempts) == (0, 0, 3)
    assert (job.retry.errors, job.retry.errors_count) == ([], 0)
    assert (job.lineage.children, job.lineage.children_count) == ([], 0)
    assert (job.owner, job.scheduling.trigger, job.scheduling.await_for) == ("", "demand", "done")


async def test_every_field_of_a_new_job_takes_effect(jobs: JobStore) -> None:
    first = await jobs.enqueue(NewJob(kind="first", owner="ann"))
    parent = await jobs.enqueue(NewJob(kind="parent", owner="ann"))
    deadline = datetime(2100, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    new = NewJob(
        kind="k",
        args=[1, None, "ü"],
        queue="q",
        priority=-7,
        delay=3600.5,
        deadline=deadline,
        idempotency_key="key",
        max_attempts=9,
        backoff=Backoff(type="fixed", base=1),
        timeout_seconds=77,
        labels={"a": "1"},
        concurrency_key="c",
        await_jobs=[first.id],
        await_for="ended",
        unique_for="active",
        unique_key="u",
        owner="ann",
        triggered_by="test",
        parent_job=parent.id,
        class_="cl",
        mode="m",
        scope="s",
        traceparent="00-1-2-3",
    )
    made = await jobs.enqueue(new)
    job = await jobs.get(made.id)
    assert made.status is Status.WAITING
    assert msgspec.to_builtins(job.spec) == {
        "kind": "k",
        "args": [1, None, "ü"],
        "queue": "q",
        "priority": -7,
        "labels": {"a": "1"},
        "concurrency_key": "c",
        "unique": "active",
        "unique_key": "u",
        "class": "cl",
        "mode": "m",
        "scope": "s",
    }
    assert job.scheduling.deadline == deadline
    assert job.scheduling.scheduled_at is not None
    assert job.scheduling.scheduled_at - job.lifecycle.created_at == timedelta(seconds=3600.5)
    assert (job.scheduling.await_jobs, job.scheduling.await_for) == ([first.id], "ended")
    assert (job.retry.max_attempts, job.timeout_seconds, job.idempotency_key) == (9, 77, "key")
    assert job.retry.backoff == {"type": "fixed", "base": 1, "max": 120, "jitter": 0.1}
    assert (job.lineage.triggered_by, job.lineage.parent_job) == ("test", parent.id)
    assert (await jobs.get(parent.id)).lineage.children == [made.id]


async def test_the_same_key_with_the_same_request_gives_the_same_job(jobs: JobStore) -> None:
    new = NewJob(kind="k", args={"b": 1, "a": 2}, idempotency_key="key")
    first = await jobs.enqueue(new)
    again = await jobs.enqueue(NewJob(kind="k", args={"a": 2, "b": 1}, idempotency_key="key"))
    assert (again.id, again.idempotent) == (first.id, True)


async def test_the_same_key_with_another_request_is_refused_and_names_the_job(jobs: JobStore) -> None:
    first = await jobs.enqueue(NewJob(kind="k", idempotency_key="key"))
    with pytest.raises(KeyReused) as caught:
        await jobs.enqueue(NewJob(kind="other", idempotency_key="key"))
    assert caught.value.detail is not None
    assert (caught.value.detail.id, caught.value.detail.ordinal) == (first.id, None)


async def test_many_are_answered_in_order(jobs: JobStore) -> None:
    made = await jobs.enqueue_many([NewJob(kind=f"k{n}", delay=n % 2 * 60) for n in range(50)])
    kinds = [(await jobs.get(answer.id)).spec.kind for answer in made]
    assert kinds == [f"k{n}" for n in range(50)]
    assert [answer.status for answer in made[:2]] == [Status.PENDING, Status.WAITING]
    assert [answer.id for answer in made] == sorted(answer.id for answer in made)


async def test_nothing_of_no_jobs(jobs: JobStore) -> None:
    assert await jobs.enqueue_many([]) == []


@pytest.mark.parametrize(
    ("bad", "error", "field"),
    [
        (NewJob(kind=""), InvalidArgument, "kind"),
        (NewJob(kind="k", queue="ä"), InvalidArgument, "queue"),
        (NewJob(kind="k", max_attempts=0), InvalidArgument, "max_attempts"),
        (NewJob(kind="k", labels={"a": "\0"}), InvalidArgument, "labels"),
        (NewJob(kind="k", labels={"a": "\ud800"}), InvalidArgument, "labels"),
        (NewJob(kind="k", args={"a": "\0"}), InvalidArgument, "args"),
        (NewJob(kind="k", args=msgspec.Raw(b'"\\u0000"')), InvalidArgument, "args"),
        (NewJob(kind="k", args=float("nan")), InvalidArgument, "args"),
        (NewJob(kind="k", args="x" * (1 << 20)), TooLarge, "args"),
        (NewJob(kind="k", args=msgspec.Raw(b'"' + b"x" * (1 << 20) + b'"')), InvalidArgument, "args"),
        (NewJob(kind="k", scheduled_at=datetime(2030, 1, 1)), InvalidArgument, "scheduled_at"),
        (NewJob(kind="k", await_jobs=[UNKNOWN]), NotFound, "await_jobs"),
    ],
)
async def test_one_bad_job_keeps_all_out_and_is_named(
    jobs: JobStore, conn: Connection, bad: NewJob, error: type[JobStreamError], field: str
) -> None:
    with pytest.raises(error) as caught:
        await jobs.enqueue_many([NewJob(kind="good"), NewJob(kind="good"), bad])
    assert caught.value.detail is not None
    assert (caught.value.detail.ordinal, caught.value.detail.field) == (3, field)
    assert await conn.fetchval("select count(*) from jobstream.jobs") == 0


async def test_numbers_that_only_plain_sql_can_store_are_read(jobs: JobStore, conn: Connection) -> None:
    id = await conn.fetchval(
        'select id from jobstream.enqueue(\'k\', (\'{"a": 1e5000, "b": 1e-400, "c": 1e400}\')::jsonb)'
    )
    args = (await jobs.get(id)).spec.args
    assert args["a"] > 10**4999
    assert args["c"] == 10**400
    assert [job.id for job in (await jobs.list()).items] == [id]
    assert b"1" + b"0" * 5000 in msgspec.json.encode(await JobStore(jobs._db, raw=True).get(id))


async def test_a_raw_store_passes_json_on_as_it_stands(database: Database) -> None:
    store = JobStore(database, raw=True)
    made = await store.enqueue(NewJob(kind="k", args={"x": [1.50, None]}, labels={"l": "v"}))
    job = msgspec.json.decode(msgspec.json.encode(await store.get(made.id)))
    assert job == msgspec.to_builtins(await JobStore(database).get(made.id), builtin_types=())


@pytest.mark.parametrize("id", ["", "x", UNKNOWN.lower(), UNKNOWN + "A", "\0" * 26])
async def test_what_is_no_id_is_refused(jobs: JobStore, id: str) -> None:
    for call in (jobs.get(id), jobs.cancel(id), jobs.retry(id)):
        with pytest.raises(InvalidArgument):
            await call


async def test_an_unknown_job_is_not_found(jobs: JobStore) -> None:
    for call in (jobs.get(UNKNOWN), jobs.get_seen(UNKNOWN), jobs.cancel(UNKNOWN), jobs.retry(UNKNOWN)):
        with pytest.raises(NotFound):
            await call


async def test_a_job_is_seen_with_its_revision_and_its_place_in_the_stream(
    jobs: JobStore, database: Database
) -> None:
    made = await jobs.enqueue(NewJob(kind="k"))
    first = await jobs.get_seen(made.id)
    await jobs.cancel(made.id)
    second = await jobs.get_seen(made.id)
    assert (first.value.status, second.value.status) == (Status.PENDING, Status.CANCELLED)
    assert second.revision > first.revision
    events = EventStore(database)
    cursor = await events.resolve(first.event_cursor)
    assert isinstance(cursor, Cursor)
    batch = await events.step(cursor)
    assert isinstance(batch, Batch)
    assert [event.status for event in batch.events] == ["cancelled"]


async def test_another_owner_s_job_is_not_found_and_not_touched(jobs: JobStore) -> None:
    made = await jobs.enqueue(NewJob(kind="k", owner="ann"))
    for owner in ("", "bob", "Ann"):
        for call in (jobs.get(made.id, owner=owner), jobs.cancel(made.id, owner=owner, principal="bob")):
            with pytest.raises(NotFound):
                await call
    assert (await jobs.get(made.id, owner="ann")).status is Status.PENDING
    assert (await jobs.cancel(made.id, owner="ann")).status is Status.CANCELLED


async def test_events_say_which_principal_did_it(jobs: JobStore, conn: Connection) -> None:
    made = await jobs.enqueue(NewJob(kind="k"), principal="ann")
    await jobs.cancel(made.id, principal="bob")
    await jobs.retry(made.id, owner="", principal="cy")
    await jobs.cancel(made.id)
    by = await actors(conn, made.id)
    assert by[:3] == ["ann", "bob", "cy"]
    assert by[3].endswith("/tests")


async def test_a_principal_does_not_stick_to_the_pool_s_connection(jobs: JobStore, conn: Connection) -> None:
    for _ in range(20):
        await jobs.enqueue(NewJob(kind="k"), principal="ann")
    made = await jobs.enqueue(NewJob(kind="k"))
    assert (await actors(conn, made.id))[0].endswith("/tests")


async def test_cancel_of_a_running_job_wants_force(jobs: JobStore, database: Database) -> None:
    made = await jobs.enqueue(NewJob(kind="k"))
    await LeaseStore(database).claim(["default"], limit=1, worker="w")
    with pytest.raises(Conflict):
        await jobs.cancel(made.id)
    assert (await jobs.cancel(made.id, force=True)).status is Status.RUNNING
    assert (await jobs.get(made.id)).lifecycle.cancel_requested


async def test_cancel_of_an_ended_job_changes_nothing(jobs: JobStore) -> None:
    made = await jobs.enqueue(NewJob(kind="k"))
    await jobs.cancel(made.id)
    assert (await jobs.cancel(made.id)).status is Status.CANCELLED
    assert (await jobs.get(made.id)).lifecycle.reason == "requested"


async def test_retry_of_a_job_that_has_not_ended_is_a_conflict(jobs: JobStore) -> None:
    made = await jobs.enqueue(NewJob(kind="k"))
    with pytest.raises(Conflict):
        await jobs.retry(made.id)


async def test_a_waiting_job_is_made_due_and_put_off(jobs: JobStore) -> None:
    made = await jobs.enqueue(NewJob(kind="k", delay=3600))
    later = datetime(2100, 1, 1, tzinfo=UTC)
    assert (await jobs.reschedule(made.id, later, principal="ann")).status is Status.WAITING
    assert (await jobs.get(made.id)).scheduling.scheduled_at == later
    assert (await jobs.run_now(made.id)).status is Status.PENDING


async def test_within_the_caller_s_transaction_nothing_is_visible_unless_it_commits(
    jobs: JobStore, conn: Connection
) -> None:
    transaction = conn.transaction()
    await transaction.start()
    made = await jobs.enqueue(NewJob(kind="k"), connection=conn)
    assert (await jobs.get(made.id, connection=conn)).id == made.id
    with pytest.raises(NotFound):
        await jobs.get(made.id)
    await transaction.rollback()
    with pytest.raises(NotFound):
        await jobs.get(made.id)


async def test_a_caller_s_codecs_do_not_matter(jobs: JobStore, conn: Connection) -> None:
    def refuse(value: Any) -> Any:
        raise AssertionError(f"used for {value!r}")

    await conn.set_type_codec("jsonb", schema="pg_catalog", encoder=refuse, decoder=refuse)
    made = await jobs.enqueue(NewJob(kind="k", args={"a": 1}), connection=conn)
    assert (await jobs.get(made.id, connection=conn)).spec.args == {"a": 1}


async def test_fifty_enqueues_of_one_key_make_one_job(jobs: JobStore) -> None:
    made = await asyncio.gather(*(jobs.enqueue(NewJob(kind="k", idempotency_key="one")) for _ in range(50)))
    assert len({answer.id for answer in made}) == 1
    assert [answer.idempotent for answer in made].count(False) == 1


async def test_errors_of_the_driver_do_not_escape(jobs: JobStore) -> None:
    with pytest.raises(InvalidArgument):
        await jobs.list(JobFilter(kind=("\0",)))
    with pytest.raises(InvalidArgument):
        await jobs.list(JobFilter(q="\ud800"))
    with pytest.raises(InvalidArgument):
        await jobs.enqueue(NewJob(kind="k", priority=1 << 40))
    assert not issubclass(InvalidArgument, asyncpg.PostgresError)


async def test_a_closed_connection_is_a_database_that_is_not_there(jobs: JobStore, connect: Connect) -> None:
    from jobstream.errors import DatabaseUnavailable

    connection = await connect()
    await connection.close()
    with pytest.raises(DatabaseUnavailable):
        await jobs.enqueue(NewJob(kind="k"), connection=connection)
