"""`jobstream bench`: how fast this database, from this machine, makes, runs and hands over jobs."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import rich_click as click
from msgspec import Struct

from jobstream.cli.options import as_async, examples, json_option
from jobstream.cli.progress import bar

if TYPE_CHECKING:
    from jobstream.application import JobStream
    from jobstream.client import Client
    from jobstream.store.pool import Database

KIND: Final = "jobstream.bench"
BATCH: Final = 1_000
ROUND_TRIPS: Final = 100
_CLEAN: Final = """
with gone as (delete from jobstream.jobs where queue = $1::text and status in ('done', 'dlq', 'cancelled') returning id)
select count(*) from gone
"""
_CANCEL: Final = "update jobstream.jobs set status = 'cancelled' where queue = $1::text and status in ('pending', 'failed')"


class Figures(Struct, frozen=True, kw_only=True):
    """Jobs a second, and milliseconds from an enqueue to its result."""

    jobs: int
    enqueued_per_second: float
    run_per_second: float
    round_trip_p50_ms: float
    round_trip_p99_ms: float


@click.command("bench", epilog=examples("jobstream bench", "jobstream bench --jobs 100000 --json"))
@click.option(
    "--jobs", type=click.IntRange(1, 1_000_000), default=10_000, show_default=True, help="How many."
)
@click.option(
    "--concurrency", type=click.IntRange(min=1), default=100, show_default=True, help="Handlers at a time."
)
@json_option
@as_async
async def command(jobs: int, concurrency: int, as_json: bool) -> None:
    """Make so many jobs that do nothing, run them with one worker, and print how fast that was.

    They go through a queue of their own, with the full history, and are deleted afterwards; their events stay until they
    are pruned. Look at the figures as ratios: of one machine, on one day.
    """
    from jobstream.cli.output import print_fields, print_json

    figures = await _measure(jobs, concurrency)
    if as_json:
        print_json(figures)
        return
    print_fields(
        (
            ("enqueue", f"{figures.enqueued_per_second:,.0f} jobs/s, in batches of {BATCH:,}"),
            ("run", f"{figures.run_per_second:,.0f} jobs/s, by one worker process"),
            (
                "round trip",
                f"p50 {figures.round_trip_p50_ms:.1f} ms, p99 {figures.round_trip_p99_ms:.1f} ms, to the result",
            ),
        )
    )


async def _measure(jobs: int, concurrency: int) -> Figures:
    import secrets

    from jobstream.cli.gateway.choice import open_named_database
    from jobstream.client import Client

    queue = f"{KIND}.{secrets.token_hex(4)}"
    async with open_named_database() as database, Client.over(database) as client, _cleaned(database, queue):
        enqueued = await _enqueue(client, queue, jobs)
        async with _working(database.url, queue, concurrency):
            ran = await _drain(database, queue, jobs)
            trips = sorted(await _round_trips(client, queue))
    return Figures(
        jobs=jobs,
        enqueued_per_second=jobs / enqueued,
        run_per_second=jobs / ran,
        round_trip_p50_ms=trips[len(trips) // 2] * 1000,
        round_trip_p99_ms=trips[len(trips) * 99 // 100] * 1000,
    )


async def _enqueue(client: "Client", queue: str, jobs: int) -> float:
    from jobstream.domain.job import NewJob

    started = time.perf_counter()
    with bar("enqueue", jobs) as advance:
        for first in range(0, jobs, BATCH):
            size = min(BATCH, jobs - first)
            await client.enqueue_many([NewJob(kind=KIND, queue=queue) for _ in range(size)])
            advance(size)
    return time.perf_counter() - started


async def _drain(database: "Database", queue: str, jobs: int) -> float:
    import asyncio

    left_now = "select count(*) from jobstream.jobs where queue = $1::text and status in ('pending', 'running', 'failed')"
    started, left = time.perf_counter(), jobs
    with bar("run", jobs) as advance:
        while left:
            await asyncio.sleep(0.05)
            now = int(await database.fetchval(left_now, queue))
            advance(left - now)
            left = now
    return time.perf_counter() - started


async def _round_trips(client: "Client", queue: str) -> list[float]:
    trips = []
    with bar("round trips", ROUND_TRIPS) as advance:
        for _ in range(ROUND_TRIPS):
            started = time.perf_counter()
            await (await client.enqueue(KIND, queue=queue)).result(timeout=60)
            trips.append(time.perf_counter() - started)
            advance(1)
    return trips


def _application(queue: str) -> "JobStream":
    from jobstream import JobContext, JobStream

    app = JobStream()

    @app.job(KIND, queue=queue)
    async def nothing(ctx: JobContext) -> None:
        """What is measured is everything around it."""

    return app


@asynccontextmanager
async def _working(url: str, queue: str, concurrency: int) -> AsyncIterator[None]:
    import asyncio
    import os

    from jobstream.cli.running import WorkerOptions, worker_for
    from jobstream.settings import load_settings

    options = WorkerOptions(concurrency=concurrency)
    settings = load_settings(os.environ)
    async with (
        worker_for(_application(queue), url, settings, options) as worker,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(worker.run())
        try:
            yield
        finally:
            worker.stop()


@asynccontextmanager
async def _cleaned(database: "Database", queue: str) -> AsyncIterator[None]:
    """Afterwards no job of the queue is left, however it went."""
    try:
        yield
    finally:
        await database.fetch(_CANCEL, queue)
        await database.fetchval(_CLEAN, queue)
