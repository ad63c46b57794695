"""What one operator's UPDATE of 500,000 rows costs everybody else.

Beside it run: `serve` with one client of `/events`, a worker, and a producer that enqueues a job every few milliseconds.
Measured are the UPDATE itself, how long an enqueue takes meanwhile (the bar: p99 under a second), the longest that the
worker stood still and that its ends took to reach the client, whether the table and the stream have every event, and by how much each process grew,
the server's backends too (the bar: 100 MB; memory of one's own, without what all backends share).

    python -m bench.big_update [--rows 500000] [--pause 0.01]
"""

import argparse
import asyncio
import re
import time
from pathlib import Path

import asyncpg
import uvloop

from bench.databases import bench_database
from bench.figures import milliseconds, quantiles
from jobstream import JobContext, JobStream
from tests.streams.wire import opened
from tests.support import Process

app = JobStream()

FILL = """
select count(*)
from jobstream.enqueue_many((
    select jsonb_agg(jsonb_build_object('kind', 'noop', 'queue', 'bulk', 'args', jsonb_build_object('n', n)))
    from generate_series(1, 5000) as n
))
"""
UPDATE = "update jobstream.jobs set priority = 5 where queue = 'bulk'"
BACKENDS = (
    "select pid, application_name, backend_type from pg_stat_activity where datname = current_database()"
)
GAP = """
select extract(epoch from max(d.gap))
from (select e.at - lag(e.at) over (order by e.at) as gap from jobstream.job_events as e where e.status = 'done') as d
"""
EVENT = re.compile(rb'"job_id":"(\w{26})","type":"(\w+)","status":"(\w+)"')


@app.job("noop")
async def noop(ctx: JobContext) -> None:
    """Nothing."""


class Seen:
    """What came on the stream, and when something of the producer's own jobs came last."""

    def __init__(self) -> None:
        self.updated: set[bytes] = set()
        self.repeated = 0
        self.silence = 0.0
        self._last = time.perf_counter()

    def note(self, job: bytes, type: bytes, status: bytes) -> None:
        if type == b"updated":
            self.repeated += job in self.updated
            self.updated.add(job)
        elif status == b"done":
            now = time.perf_counter()
            self.silence = max(self.silence, now - self._last)
            self._last = now


async def follow(address: str, seen: Seen, greeted: asyncio.Event) -> None:
    """Note every event of the stream."""
    rest = b""
    async with opened(address, "/api/v1/events") as stream:
        async for piece in stream.bytes():
            greeted.set()
            rest += piece
            end = 0
            for found in EVENT.finditer(rest):
                seen.note(*found.groups())
                end = found.end()
            rest = rest[max(end, len(rest) - 65_536) :]


async def produce(url: str, pause: float, took: list[float]) -> None:
    """Enqueue one job after another, each in a transaction of its own."""
    connection = await asyncpg.connect(url, server_settings={"application_name": "producer"})
    try:
        while True:
            began = time.perf_counter()
            await connection.execute("select id from jobstream.enqueue('noop')")
            took.append(time.perf_counter() - began)
            await asyncio.sleep(pause)
    finally:
        await connection.close()


class Sizes:
    """Memory of each process, in MB: at first, and at most."""

    def __init__(self) -> None:
        self.first: dict[tuple[str, int], float] = {}
        self.most: dict[tuple[str, int], float] = {}

    def note(self, name: str, pid: int) -> None:
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except FileNotFoundError:
            return
        size = int(status.split("RssAnon:")[1].split()[0]) / 1024
        self.first.setdefault((name, pid), size)
        self.most[name, pid] = max(size, self.most.get((name, pid), 0.0))

    def grown(self) -> list[tuple[float, str]]:
        return sorted(((self.most[key] - self.first[key], key[0]) for key in self.first), reverse=True)


async def weigh(url: str, processes: dict[str, Process], sizes: Sizes) -> None:
    """Look at everybody's memory, again and again."""
    connection = await asyncpg.connect(url)
    try:
        while True:
            for name, process in processes.items():
                sizes.note(name, process.pid)
            for row in await connection.fetch(BACKENDS):
                sizes.note(f"backend of {row['application_name'] or row['backend_type']}", row["pid"])
            await asyncio.sleep(0.1)
    finally:
        await connection.close()


async def measure(url: str, rows: int, pause: float) -> None:
    """Fill, start everybody, update, wait until all is delivered, print."""
    operator = await asyncpg.connect(url, server_settings={"application_name": "operator"})
    for _ in range(rows // 5000):
        await operator.execute(FILL)
    await operator.execute("vacuum (analyze) jobstream.jobs, jobstream.job_events, jobstream.job_labels")
    seen, sizes, took, greeted = Seen(), Sizes(), list[float](), asyncio.Event()
    environ = {"JOBSTREAM_DATABASE_URL": url, "JOBSTREAM_AUTH": "off"}
    with (
        Process("serve", "--port", "0", environ=environ) as serve,
        Process("worker", "bench.big_update:app", environ=environ) as worker,
    ):
        address = await serve.address()
        await worker.printed("serves default")
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(follow(address, seen, greeted))]
            await greeted.wait()
            tasks.append(group.create_task(produce(url, pause, took)))
            tasks.append(group.create_task(weigh(url, {"serve": serve, "worker": worker}, sizes)))
            await asyncio.sleep(3)
            before, seen.silence = len(took), 0.0
            began = time.perf_counter()
            await operator.execute(UPDATE)
            updated, during = time.perf_counter() - began, len(took)
            while len(seen.updated) < rows and time.perf_counter() - began < 200:  # noqa: ASYNC110
                await asyncio.sleep(0.2)
            delivered, after = time.perf_counter() - began, len(took)
            await asyncio.sleep(1)
            for task in tasks:
                task.cancel()
    stored = await operator.fetchval("select count(*) from jobstream.job_events where type = 'updated'")
    gap = await operator.fetchval(GAP)
    await operator.close()
    print(f"UPDATE of {rows:,} rows: {updated:.1f} s, all of it on the stream after {delivered:.1f} s")
    print(f"events: {stored:,} stored, {len(seen.updated):,} streamed, {seen.repeated} repeated")
    print(f"enqueue before it:       {milliseconds(quantiles(took[:before]))}")
    print(
        f"enqueue beside it:       {milliseconds(quantiles(took[before:during]))}   (bar: p99 under 1,000 ms)"
    )
    print(f"enqueue beside delivery: {milliseconds(quantiles(took[during:after]))}")
    print(f"longest time in which the worker ended no job: {gap:.2f} s")
    print(f"the same as the stream tells it, which first tells what the UPDATE did: {seen.silence:.2f} s")
    for grown, name in sizes.grown()[:6]:
        print(f"{name}: grew by {grown:.0f} MB   (bar: 100 MB)")


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--pause", type=float, default=0.01)
    options = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, bench_database() as url:
        runner.run(measure(url, options.rows, options.pause))


if __name__ == "__main__":
    main()
