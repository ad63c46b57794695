"""The verbs of workers."""

from typing import Any

import msgspec
import pytest

from jobstream.domain.job import ClaimedJob, Enqueued, NewJob
from jobstream.errors import InvalidArgument, LeaseLost, NotFound
from jobstream.store.jobs import JobStore
from jobstream.store.leases import LeaseStore
from jobstream.store.pool import Database
from tests.support.clock import Clock
from tests.support.types import Connection

UNKNOWN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


@pytest.fixture
def jobs(database: Database) -> JobStore:
    return JobStore(database)


@pytest.fixture
def leases(database: Database) -> LeaseStore:
    return LeaseStore(database)


async def claimed(jobs: JobStore, leases: LeaseStore, count: int = 1) -> list[ClaimedJob]:
    await jobs.enqueue_many([NewJob(kind="k", args={"n": n}) for n in range(count)])
    return sorted(await leases.claim(["default"], limit=count, worker="w"), key=lambda job: job.id)


async def status(jobs: JobStore, job: ClaimedJob | Enqueued) -> tuple[str, str | None]:
    found = await jobs.get(job.id)
    return found.status, found.lifecycle.reason


async def test_a_claimed_job_is_flat_and_whole(jobs: JobStore, leases: LeaseStore) -> None:
    made = await jobs.enqueue(
        NewJob(
            kind="k",
            args={"a": [1.5]},
            queue="q",
            priority=2,
            timeout_seconds=9,
            labels={"l": "v"},
            owner="ann",
        )
    )
    [job] = await leases.claim(["x", "q"], limit=5, worker="w", lease_seconds=12)
    assert (job.id, job.attempt, job.kind, job.queue, job.priority) == (made.id, 1, "k", "q", 2)
    assert (job.args, job.timeout_seconds, job.await_jobs) == ('{"a": [1.5]}', 9, None)
    assert job.job == await jobs.get(made.id)
    assert (job.job.lifecycle.worker, job.job.lifecycle.lease_until) == ("w", job.lease_until)


async def test_a_lease_for_http_is_the_whole_job(jobs: JobStore, leases: LeaseStore) -> None:
    made = await jobs.enqueue(NewJob(kind="k", args={"a": 1}))
    [lease] = await leases.claim_leases(["default"], limit=1, worker="w")
    read = msgspec.json.decode(msgspec.json.encode(lease))
    assert read["job"] == msgspec.to_builtins(await jobs.get(made.id))
    assert read["attempt"] == 1


async def test_a_claim_looks_behind_the_position_first(jobs: JobStore, leases: LeaseStore) -> None:
    made = await jobs.enqueue_many([NewJob(kind="k") for _ in range(4)])
    [second] = await leases.claim(["default"], limit=1, worker="w", after={"default": (0, made[1].id)})
    rest = await leases.claim(["default"], limit=9, worker="w", after={"default": (0, second.id)})
    assert second.id == made[2].id
    assert {job.id for job in rest} == {made[0].id, made[1].id, made[3].id}


async def test_many_completions_are_answered_each(jobs: JobStore, leases: LeaseStore) -> None:
    batch = await claimed(jobs, leases, 4)
    await leases.release(batch[3].id, batch[3].attempt)
    answers = await leases.complete_many(
        [*(job.id for job in batch), UNKNOWN], [1, 2, 1, 1, 1], [b'{"x": 1}', None, "7", None, None]
    )
    assert [(answer.id, answer.lost) for answer in answers] == [
        (batch[0].id, False),
        (batch[1].id, True),
        (batch[2].id, False),
        (batch[3].id, True),
        (UNKNOWN, True),
    ]
    assert (await jobs.get(batch[0].id)).lifecycle.result == {"x": 1}
    assert (await jobs.get(batch[2].id)).lifecycle.result == 7
    again = await leases.complete_many([batch[0].id], [1], [None])
    assert [(answer.status, answer.lost) for answer in again] == [("done", False)]
    assert await leases.complete_many([], [], []) == []


@pytest.mark.parametrize(
    "bad", ['"\\u0000"', "not json", '"\\ud800"', "1e999999", "[" * 20_000 + "]" * 20_000]
)
async def test_a_result_that_cannot_be_stored_ends_its_own_job_alone(
    jobs: JobStore, leases: LeaseStore, bad: str
) -> None:
    batch = await claimed(jobs, leases, 7)
    results = ["1"] * 7
    results[2] = results[5] = bad
    answers = await leases.complete_many([job.id for job in batch], [1] * 7, results)
    assert [answer.id for answer in answers] == [job.id for job in batch]
    assert [answer.status for answer in answers] == ["done", "done", "dlq", "done", "done", "dlq", "done"]
    assert not any(answer.lost for answer in answers)
    assert await status(jobs, batch[2]) == ("dlq", "unstorable_result")


async def test_one_result_that_cannot_be_stored(jobs: JobStore, leases: LeaseStore) -> None:
    [job] = await claimed(jobs, leases)
    assert await leases.complete(job.id, 1, result='"\\u0000"') == "dlq"
    assert await status(jobs, job) == ("dlq", "unstorable_result")


async def test_a_bad_cost_is_refused_and_ends_nothing(jobs: JobStore, leases: LeaseStore) -> None:
    [job] = await claimed(jobs, leases)
    with pytest.raises(InvalidArgument):
        await leases.complete(job.id, 1, result="1", cost_usd=-1)
    assert await leases.complete(job.id, 1, result="1", cost_usd=0.25) == "done"
    assert (await jobs.get(job.id)).lineage.cost_usd == 0.25


async def test_heartbeats_say_what_is_lost_and_what_should_stop(jobs: JobStore, leases: LeaseStore) -> None:
    batch = await claimed(jobs, leases, 3)
    await jobs.cancel(batch[1].id, force=True)
    await leases.complete(batch[2].id, 1)
    answers = await leases.heartbeat([*(job.id for job in batch), UNKNOWN], [1, 1, 1, 1])
    assert [(answer.lost, answer.cancel_requested) for answer in answers] == [
        (False, False),
        (False, True),
        (True, False),
        (True, False),
    ]


async def test_one_heartbeat_says_until_when(jobs: JobStore, leases: LeaseStore, clock: Clock) -> None:
    [job] = await claimed(jobs, leases)
    await clock.advance(10)
    until, cancel_requested = await leases.heartbeat_one(job.id, 1, lease_seconds=60)
    assert 39 < (until - job.lease_until).total_seconds() < 60
    assert not cancel_requested
    with pytest.raises(LeaseLost):
        await leases.heartbeat_one(job.id, 2)
    with pytest.raises(NotFound):
        await leases.heartbeat_one(UNKNOWN, 1)


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [
        ("complete", {}),
        ("fail", {"error": "x"}),
        ("release", {}),
        ("report_progress", {"current": 1}),
        ("log", {"message": "x"}),
        ("emit", {"type": "x"}),
        ("reject_result", {"error": "x"}),
    ],
)
async def test_a_stale_attempt_changes_nothing(
    jobs: JobStore, leases: LeaseStore, verb: str, arguments: dict[str, Any]
) -> None:
    [job] = await claimed(jobs, leases)
    await leases.release(job.id, 1)
    await leases.claim(["default"], limit=1, worker="other")
    before = await jobs.get(job.id)
    with pytest.raises(LeaseLost):
        await getattr(leases, verb)(job.id, 1 if verb != "release" else 0, **arguments)
    assert await jobs.get(job.id) == before
    with pytest.raises(NotFound):
        await getattr(leases, verb)(UNKNOWN, 1, **arguments)


async def test_an_error_s_text_is_mended(jobs: JobStore, leases: LeaseStore) -> None:
    [job] = await claimed(jobs, leases)
    error = {"type": "V\0", "message": "a\ud800b", "traceback": "x\0y"}
    assert await leases.fail(job.id, 1, error=error) == "failed"
    found = await jobs.get(job.id)
    assert found.retry.last_error is not None
    assert "a\ufffdb" in found.retry.last_error or "a\ufffd\ufffd\ufffdb" in found.retry.last_error
    assert found.retry.errors[0]["traceback"] == "x\ufffdy"
    assert (found.retry.failures, found.retry.errors_count) == (1, 1)


async def test_progress_logs_and_events(jobs: JobStore, leases: LeaseStore) -> None:
    [job] = await claimed(jobs, leases)
    assert not await leases.report_progress(job.id, 1, current=1, total=3, step="a", cost_usd=0.5)
    await jobs.cancel(job.id, force=True)
    assert await leases.report_progress(job.id, 1, current=2)
    found = await jobs.get(job.id)
    assert found.lifecycle.progress["current"] == 2
    assert found.lineage.cost_usd == 0.5
    with pytest.raises(InvalidArgument):
        await leases.log(job.id, 1, "x" * 8_193)
    with pytest.raises(InvalidArgument):
        await leases.emit(job.id, 1, "big", "x" * 65_536)
    with pytest.raises(InvalidArgument):
        await leases.emit(job.id, 1, "status")
    with pytest.raises(InvalidArgument):
        await leases.emit(job.id, 1, "x", {"a": float("nan")})


async def test_numbers_out_of_range_are_refused(leases: LeaseStore, jobs: JobStore, conn: Connection) -> None:
    [job] = await claimed(jobs, leases)
    with pytest.raises(InvalidArgument):
        await leases.complete(job.id, 1 << 40)
    with pytest.raises(InvalidArgument):
        await leases.release(job.id, 1, delay_seconds=float("inf"))
    with pytest.raises(InvalidArgument):
        await leases.report_progress(job.id, 1, current=float("nan"))
    with pytest.raises(InvalidArgument):
        await leases.claim(["q\0"], limit=1, worker="w")
