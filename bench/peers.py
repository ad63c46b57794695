"""jobstream beside other queues on PostgreSQL, in one run on one server with the same settings.

Of each that is installed: enqueues a second (one after the other, 32 at a time, in batches of 1,000), how soon an idle
worker begins a job, jobs a second that one worker process drains, and the same while another session holds a snapshot,
as a report or `pg_dump` does. Each round has a new database. A drain ends when all is done, or after `--seconds`.

What is missing is named and left out. They are in no extra of ours; to have all of them (Oban wants Python 3.12):

    .venv/bin/python -m pip install pgqueuer procrastinate chancy oban
    .venv/bin/python -m bench.peers [--jobs 20000] [--rounds 3] [--only jobstream,pgqueuer] [--markdown]
"""

import argparse
import asyncio
import os
import platform
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import asynccontextmanager
from importlib.metadata import version
from types import ModuleType
from typing import Self

import asyncpg
import uvloop

from bench.databases import NO_CHECKPOINT, bench_server, empty_database
from bench.held_snapshot import snapshot
from bench.rivals import RIVALS, Producer, load

MEASURES = {
    "one": "enqueue, one after the other (/s)",
    "at once": "enqueue, 32 at a time (/s)",
    "batch": "enqueue, batches of 1,000 (/s)",
    "pickup": "idle pickup, median (ms)",
    "drain": "drain (jobs/s)",
    "held": "drain, snapshot held (jobs/s)",
}
SAYS = "begun:"
"""Before a worker's lines to us: some log to the same place."""
BATCH = 1000
EVERY = 100
SINGLE = 500
PICKUPS = 40
Figures = dict[str, float]


class Worker:
    """A worker process that says how many jobs it has begun, and when it began the last of them."""

    def __init__(self, name: str, url: str, every: int) -> None:
        self._arguments = ("-m", "bench.peers", "--work", name, "--every", str(every))
        self._environ = {**os.environ, "JOBSTREAM_DATABASE_URL": url}

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *self._arguments,
            env=self._environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    async def said(self) -> tuple[int, float]:
        """The next line: how many, and the time by the clock of `time.monotonic`."""
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            if line.startswith(SAYS.encode()):
                count, at = line.removeprefix(SAYS.encode()).split()
                return int(count), float(at)
        raise RuntimeError(f"the worker ended with {await self._process.wait()}")


def work(name: str, every: int) -> None:
    """Be such a worker."""
    count = 0

    def begun() -> None:
        nonlocal count
        count += 1
        if count == 1 or count % every == 0:
            print(SAYS, count, time.monotonic(), flush=True)

    uvloop.run(load(name).work(os.environ["JOBSTREAM_DATABASE_URL"], begun))


async def rate(count: int, doing: Awaitable[object]) -> float:
    """So many a second."""
    began = time.monotonic()
    await doing
    return count / (time.monotonic() - began)


async def singly(producer: Producer, count: int) -> None:
    """One after the other."""
    for _ in range(count):
        await producer.one()


async def at_once(producer: Producer, count: int) -> None:
    """By 32 tasks."""
    async with asyncio.TaskGroup() as group:
        for _ in range(32):
            group.create_task(singly(producer, count))


async def batches(producer: Producer, jobs: int) -> None:
    """A thousand in a call."""
    for _ in range(jobs // BATCH):
        await producer.many(BATCH)


async def pickups(worker: Worker, producer: Producer) -> float:
    """Milliseconds from the return of an enqueue to the handler's first line; the worker is idle each time."""
    took = []
    for number in range(-3, PICKUPS):
        await asyncio.sleep(0.3 if number >= 0 else 2)
        await producer.one()
        committed = time.monotonic()
        _, at = await asyncio.wait_for(worker.said(), 30)
        if number >= 0:
            took.append((at - committed) * 1000)
    return statistics.median(took)


async def drained(
    worker: Worker, jobs: int, seconds: float, left: str, connection: asyncpg.Connection
) -> float:
    """Jobs a second: to the end of the last, or to what was begun when the time was over."""
    count, began = await asyncio.wait_for(worker.said(), 60)
    last = (count, began)
    try:
        async with asyncio.timeout(seconds):
            while last[0] < jobs:
                last = await worker.said()
            while await connection.fetchval(left):  # noqa: ASYNC110  (another process does it)
                await asyncio.sleep(0.02)
            last = (last[0], time.monotonic())
    except TimeoutError:
        pass
    return (last[0] - count) / (last[1] - began)


@asynccontextmanager
async def quiet(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection, on a database whose statistics are fresh."""
    connection = await asyncpg.connect(url)
    await connection.execute("vacuum analyze")
    yield connection
    await connection.close()


async def enqueues(rival: ModuleType, url: str) -> Figures:
    """How fast jobs come in."""
    async with rival.producer(url) as producer:
        await singly(producer, 50)
        return {
            "one": await rate(SINGLE, singly(producer, SINGLE)),
            "at once": await rate(32 * SINGLE // 4, at_once(producer, SINGLE // 4)),
            "batch": await rate(20 * BATCH, batches(producer, 20 * BATCH)),
        }


async def pickup(name: str, rival: ModuleType, url: str) -> Figures:
    """How soon one is begun."""
    async with rival.producer(url) as producer, Worker(name, url, 1) as worker:
        return {"pickup": await pickups(worker, producer)}


async def drain(
    name: str, rival: ModuleType, url: str, options: argparse.Namespace, *, held: bool
) -> Figures:
    """How fast they go out."""
    async with rival.producer(url) as producer:
        await batches(producer, options.jobs)
    async with quiet(url) as connection, snapshot(url, held), Worker(name, url, EVERY) as worker:
        figure = await drained(worker, options.jobs, options.seconds, rival.LEFT, connection)
    return {"held" if held else "drain": figure}


def one_round(server: str, name: str, options: argparse.Namespace) -> Figures:
    """All of one queue, each measure in a database of its own."""
    rival, figures = load(name), {}
    for measure in (
        lambda url: enqueues(rival, url),
        lambda url: pickup(name, rival, url),
        lambda url: drain(name, rival, url, options, held=False),
        lambda url: drain(name, rival, url, options, held=True),
    ):
        with empty_database(server) as url:
            uvloop.run(rival.install(url))
            figures |= uvloop.run(measure(url))
    told = "  ".join(f"{key} {figure:,.1f}" for key, figure in figures.items())
    print(f"{name:>14}: {told}", flush=True)
    return figures


def table(medians: dict[str, Figures], *, markdown: bool) -> Iterable[str]:
    """Figures, and in brackets jobstream's as a multiple of theirs (of a time: how many times as soon)."""
    ours, gap = medians.get("jobstream", {}), " | " if markdown else "  "
    yield gap.join(["measure".ljust(34), *(name.rjust(20) for name in medians)])
    if markdown:
        yield "|".join(["---", *("---:" for _ in medians)])
    for key, title in MEASURES.items():
        cells = []
        for name, figures in medians.items():
            ratio = figures[key] / ours[key] if key == "pickup" and ours else ours.get(key, 0) / figures[key]
            cells.append(f"{figures[key]:,.1f}" if key == "pickup" else f"{figures[key]:,.0f}")
            cells[-1] += "" if name == "jobstream" or not ours else f" ({ratio:.1f} ×)"
        yield gap.join([title.ljust(34), *(cell.rjust(20) for cell in cells)])


def available(asked: Iterable[str]) -> list[str]:
    """Those that can be imported; of the others says what is missing."""
    names = []
    for name in asked:
        try:
            rival = load(name)
        except ImportError as error:
            print(f"{name:>14}: left out, {error}. `pip install` it into this environment (see --help)")
        else:
            names.append(name)
            print(f"{name:>14}: {version(rival.PACKAGE or 'jobstream')}, {rival.NOTE}")
    return names


def compare(options: argparse.Namespace) -> None:
    """Rounds of all in turn, and their medians."""
    names = available(options.only.split(","))
    rounds: dict[str, list[Figures]] = defaultdict(list)
    with bench_server(NO_CHECKPOINT) as server:
        for _ in range(options.rounds):
            for name in names:
                rounds[name].append(one_round(server, name, options))
    medians = {
        name: {key: statistics.median(figures[key] for figures in all) for key in MEASURES}
        for name, all in rounds.items()
    }
    print(f"\nmedians of {options.rounds}, {options.jobs:,} jobs a drain, Python {platform.python_version()}")
    print("\n".join(table(medians, markdown=options.markdown)))


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=20_000, help="of each drain")
    parser.add_argument("--seconds", type=float, default=20, help="at most, of each drain")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", default=",".join(RIVALS), help="names with commas between them")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--work", choices=RIVALS, help=argparse.SUPPRESS)
    parser.add_argument("--every", type=int, default=EVERY, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work, options.every)
    else:
        compare(options)


if __name__ == "__main__":
    main()
