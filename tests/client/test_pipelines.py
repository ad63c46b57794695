"""Pipelines from Python, by variable: over PostgreSQL and over HTTP, with one interface."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from jobstream.application import JobStream
from jobstream.client import Client, connect
from jobstream.errors import InvalidArgument, JobCancelled, JobFailed, KeyReused, NotFound
from jobstream.settings import Settings
from jobstream.store.leases import LeaseStore
from jobstream.store.pool import Database
from jobstream.worker.context import JobContext
from tests.api.conftest import serving

UNKNOWN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
app = JobStream()


@app.job("fetch")
async def fetch(ctx: JobContext, args: str) -> int:
    return len(args)


@app.job("parse", queue="slow")
async def parse(ctx: JobContext) -> str:
    return "parsed"


@pytest.fixture(params=["postgres", "http"])
async def client(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[Client]:
    if request.param == "postgres":
        async with connect(database_url) as opened:
            yield opened
        return
    settings = Settings(database_url=database_url, auth="off", drain_seconds=0.2, pool_size=4)
    async with serving(settings) as (_, url), connect(url) as opened:
        yield opened


@pytest.fixture
def leases(database: Database) -> LeaseStore:
    return LeaseStore(database)


async def run_next(database: Database, leases: LeaseStore, result: bytes | None, queue: str) -> None:
    """Complete the next job of a queue; None fails it for good."""
    for _ in range(200):
        await database.fetchval("select jobstream.maintain()")
        for job in await leases.claim([queue], limit=1, worker="w"):
            if result is None:
                await leases.fail(job.id, job.attempt, error="broken", retryable=False)
            else:
                await leases.complete(job.id, job.attempt, result=result)
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"nothing to claim in {queue}")


async def test_a_step_by_variable_waits_for_those_before_it(
    client: Client, database: Database, leases: LeaseStore
) -> None:
    async with client.pipeline("import") as p:
        a = p.step(fetch, "url")
        b = p.step(fetch, "other", priority=1)
        c = p.step(parse, after=[a, b], key="join")
        with pytest.raises(RuntimeError, match="when its `async with` is left"):
            _ = c.job
    assert [step.key for step in (a, b, c)] == ["fetch", "fetch-2", "join"]
    job = await c.job.get()
    assert (job.spec.queue, job.lineage.pipeline_id, job.lineage.pipeline_step) == ("slow", p.id, "join")
    assert job.scheduling.await_jobs is not None
    assert set(job.scheduling.await_jobs) == {a.job.id, b.job.id}

    events = asyncio.create_task(_types(client, p.id))
    for result in (b"3", b"5"):
        await run_next(database, leases, result, "default")
    await run_next(database, leases, b'"parsed"', "slow")

    assert await p.result(timeout=20) == {"fetch": 3, "fetch-2": 5, "join": "parsed"}
    assert await a.job.result(timeout=20) == 3
    assert (await p.get()).status == "done"
    told = await asyncio.wait_for(events, 20)
    assert told.count(("status", "done")) == 3
    assert told[-1][0] == "pipeline" or told[-1] == ("status", "done")


async def _types(client: Client, id: str) -> list[tuple[str, str | None]]:
    return [(event.type, event.status) async for event in client.pipeline_handle(id).events()]


async def test_a_pipeline_whose_step_fails_raises_that_steps_error_and_can_be_retried(
    client: Client, database: Database, leases: LeaseStore
) -> None:
    async with client.pipeline("import") as p:
        a = p.step(fetch, "url")
        p.step(parse, after=[a])
    await run_next(database, leases, None, "default")

    with pytest.raises(JobFailed, match="broken") as caught:
        await p.result(timeout=20)
    assert caught.value.job_id == a.job.id
    assert "'fetch'" in caught.value.__notes__[0]

    await p.retry()
    await run_next(database, leases, b"1", "default")
    await run_next(database, leases, b'"x"', "slow")
    assert await p.result(timeout=20) == {"fetch": 1, "parse": "x"}


async def test_a_cancelled_pipeline_says_so(client: Client) -> None:
    async with client.pipeline("import") as p:
        p.step(fetch, "url")
    assert await p.cancel() == "cancelled"
    with pytest.raises(JobCancelled):
        await p.result(timeout=20)


async def test_nothing_is_made_when_the_block_fails(client: Client) -> None:
    p = client.pipeline("import")
    with suppress(ZeroDivisionError):
        async with p:
            p.step(fetch, "url")
            raise ZeroDivisionError
    with pytest.raises(RuntimeError, match="is made when"):
        _ = p.id
    assert (await client.list()).items == []


async def test_a_key_makes_a_pipeline_once(client: Client) -> None:
    made = []
    for _ in range(2):
        async with client.pipeline("import", idempotency_key="monday") as p:
            step = p.step(fetch, "url")
        made.append((p.id, step.job.id, p.idempotent))
    assert made[0][:2] == made[1][:2]
    assert [idempotent for _, _, idempotent in made] == [False, True]
    with pytest.raises(KeyReused):
        async with client.pipeline("other", idempotency_key="monday") as p:
            p.step(fetch, "url")


async def test_steps_that_cannot_be_are_refused_where_they_are_added(client: Client) -> None:
    async with client.pipeline("one") as one:
        a = one.step(fetch, "url")
    async with client.pipeline("two") as two:
        with pytest.raises(ValueError, match="no step of pipeline 'two'"):
            two.step(parse, after=[a])
        with pytest.raises(TypeError, match="await_jobs"):
            two.step(parse, after=[a.job])  # type: ignore[list-item]
        with pytest.raises(ValueError, match="whole pipeline's"):
            two.step(parse, idempotency_key="k")
        two.step(parse, key="x")
        with pytest.raises(ValueError, match="bears the key 'x'"):
            two.step(parse, key="x")
    with pytest.raises(RuntimeError, match="made already"):
        two.step(parse)
    with pytest.raises(InvalidArgument):
        async with client.pipeline("empty"):
            pass
    for asked in (client.pipeline_handle(UNKNOWN).get(), client.pipeline_handle(UNKNOWN).result(5)):
        with pytest.raises(NotFound):
            await asked
