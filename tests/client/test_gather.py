"""Single enqueues that share statements."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from jobstream.client.background import background
from jobstream.client.gather import Gatherer
from jobstream.domain.job import Enqueued, NewJob
from jobstream.errors import DatabaseUnavailable, InvalidArgument, JobStreamError, KeyBusy, KeyReused
from jobstream.store.jobs import JobStore
from jobstream.store.pool import Database
from tests.support.types import Connection


class Counted:
    """The store's own statement, counted."""

    def __init__(self, store: JobStore) -> None:
        self.store = store
        self.sizes: list[int] = []

    async def __call__(self, jobs: list[NewJob]) -> list[Enqueued]:
        self.sizes.append(len(jobs))
        return await self.store.enqueue_many(jobs)


@pytest.fixture
def counted(database: Database) -> Counted:
    return Counted(JobStore(database))


async def outcome(gatherer: Gatherer, job: NewJob) -> Enqueued | JobStreamError:
    try:
        return await gatherer.enqueue(job)
    except JobStreamError as error:
        return error


async def gathered(counted: Counted, jobs: list[NewJob]) -> list[Enqueued | JobStreamError]:
    gatherer = Gatherer(enqueue_many=counted)  # type: ignore[arg-type]
    async with background() as running:
        running.start(gatherer.run())
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(outcome(gatherer, job)) for job in jobs]
        return [task.result() for task in tasks]


async def kind_of(conn: Connection, answer: Enqueued | JobStreamError) -> str:
    assert isinstance(answer, Enqueued), answer
    kind: str = await conn.fetchval("select kind from jobstream.jobs where id = $1", answer.id)
    return kind


async def test_many_singles_take_few_statements_and_each_gets_its_own(
    counted: Counted, conn: Connection
) -> None:
    answers = await gathered(counted, [NewJob(kind=f"k{n}") for n in range(600)])
    assert [await kind_of(conn, answer) for answer in answers[::50]] == [f"k{n}" for n in range(0, 600, 50)]
    assert len(counted.sizes) <= 4
    ids = [answer.id for answer in answers if isinstance(answer, Enqueued)]
    assert ids == sorted(ids)


async def test_a_lone_enqueue_goes_at_once(counted: Counted) -> None:
    await gathered(counted, [NewJob(kind="k")])
    assert counted.sizes == [1]


async def test_each_gets_its_own_error(counted: Counted, conn: Connection) -> None:
    await counted.store.enqueue(NewJob(kind="first", idempotency_key="taken"))
    bad = {
        3: NewJob(kind=""),
        5: NewJob(kind="other", idempotency_key="taken"),
        7: NewJob(kind="k", labels={"a": "\0"}),
        8: NewJob(kind="k", max_attempts=-1),
        9: NewJob(kind="k", args=float("inf")),
    }
    answers = await gathered(counted, [bad.get(n, NewJob(kind=f"k{n}")) for n in range(12)])
    errors = {n: type(answer) for n, answer in enumerate(answers) if isinstance(answer, JobStreamError)}
    assert errors == {
        3: InvalidArgument,
        5: KeyReused,
        7: InvalidArgument,
        8: InvalidArgument,
        9: InvalidArgument,
    }
    assert [await kind_of(conn, answers[n]) for n in range(12) if n not in bad] == [
        f"k{n}" for n in range(12) if n not in bad
    ]
    reused = answers[5]
    assert isinstance(reused, KeyReused)
    assert reused.detail is not None
    assert reused.detail.ordinal is None


async def test_a_busy_key_holds_up_nobody_else(counted: Counted, conn: Connection) -> None:
    transaction = conn.transaction()
    await transaction.start()
    await conn.execute("select jobstream.enqueue('k', idempotency_key => 'busy')")
    answers = await gathered(
        counted, [NewJob(kind="a"), NewJob(kind="k", idempotency_key="busy"), NewJob(kind="b")]
    )
    assert [type(answer) for answer in answers] == [Enqueued, KeyBusy, Enqueued]
    await transaction.rollback()


async def test_one_key_given_many_times_makes_one_job(counted: Counted) -> None:
    answers = await gathered(counted, [NewJob(kind="k", idempotency_key="one")] * 40)
    made = [answer for answer in answers if isinstance(answer, Enqueued)]
    assert len(made) == 40
    assert len({answer.id for answer in made}) == 1
    assert [answer.idempotent for answer in made].count(False) == 1


async def test_two_processes_gathers_of_the_same_keys_do_not_deadlock(database: Database) -> None:
    jobs = [NewJob(kind="k", idempotency_key=f"key-{n:03}") for n in range(100)]
    async with asyncio.TaskGroup() as group:
        both = [
            group.create_task(gathered(Counted(JobStore(database)), order))
            for order in (jobs, list(reversed(jobs)))
        ]
    ids = [{answer.id for answer in task.result() if isinstance(answer, Enqueued)} for task in both]
    assert ids[0] == ids[1]
    assert len(ids[0]) == 100


async def test_a_cancelled_caller_takes_nobody_along(counted: Counted, conn: Connection) -> None:
    gatherer = Gatherer(enqueue_many=counted)  # type: ignore[arg-type]
    async with background() as running, asyncio.TaskGroup() as group:
        left = group.create_task(gatherer.enqueue(NewJob(kind="left")))
        kept = group.create_task(gatherer.enqueue(NewJob(kind="kept")))
        await asyncio.sleep(0)
        left.cancel()
        running.start(gatherer.run())
    assert await kind_of(conn, kept.result()) == "kept"
    assert await conn.fetchval("select count(*) from jobstream.jobs") == 1


async def test_whoever_waits_when_the_client_closes_is_told(counted: Counted) -> None:
    gatherer = Gatherer(enqueue_many=counted)  # type: ignore[arg-type]
    async with asyncio.TaskGroup() as group, background() as running:
        running.start(gatherer.run())
        waiting = group.create_task(outcome(gatherer, NewJob(kind="k")))
        await asyncio.sleep(0)
    assert isinstance(waiting.result(), DatabaseUnavailable)


async def test_what_cannot_be_sent_at_all_is_its_callers_fault_alone(
    counted: Counted, conn: Connection
) -> None:
    gatherer = Gatherer(enqueue_many=counted)  # type: ignore[arg-type]
    async with background() as running:
        running.start(gatherer.run())
        async with asyncio.TaskGroup() as group:
            good = [group.create_task(gatherer.enqueue(NewJob(kind=f"k{n}"))) for n in range(3)]
            bad = group.create_task(_raised(gatherer.enqueue(NewJob(kind="k", labels=object()))))  # type: ignore[arg-type]
        assert isinstance(bad.result(), TypeError)
        assert [await kind_of(conn, task.result()) for task in good] == ["k0", "k1", "k2"]
        assert await kind_of(conn, await gatherer.enqueue(NewJob(kind="later"))) == "later"
    with pytest.raises(DatabaseUnavailable, match="closed"):
        await gatherer.enqueue(NewJob(kind="k"))


async def _raised(work: Coroutine[Any, Any, object]) -> Exception | None:
    try:
        await work
    except Exception as error:  # noqa: BLE001  (whichever it is, the test asks)
        return error
    return None
