"""How draining holds its rate while a session keeps an old snapshot open: a report, a pg_dump.

Such a session keeps vacuum away: what the drain leaves behind stays at the head of every index. Printed are jobs a second
by fifths of the drain, for a plain loop over `claim(…, after => …)` and `complete_many`, and for the Python worker; with
the snapshot held from before the first job is claimed, and without, in turn. Of several rounds the medians count:
the machine's other work moves single fifths by more than the snapshot does. So would a checkpoint, in either case (it fell
into the fourth fifth, and took a tenth to a fifth of its rate): the embedded server makes none meanwhile. The bar is 90 % from
the first fifth to the last.

    python -m bench.held_snapshot [--jobs 300000] [--rounds 3] [--only loop|worker] [--only-held]
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import uvloop

from bench.databases import NO_CHECKPOINT, bench_database
from bench.drain import LEFT, bare, fill
from jobstream import JobContext, JobStream

app = JobStream()

FIFTHS = """
select count(*) / extract(epoch from max(f.at) - min(f.at)) as rate
from (
    select e.at, ntile(5) over (order by e.id) as fifth
    from jobstream.job_events as e
    where e.status = 'done'
) as f
group by f.fifth
order by f.fifth
"""


@app.job("noop")
async def noop(ctx: JobContext) -> None:
    """Nothing."""


@asynccontextmanager
async def snapshot(url: str, held: bool) -> AsyncIterator[None]:
    """A session that has asked once, and asks nothing more: its snapshot stays."""
    connection = await asyncpg.connect(url)
    try:
        if held:
            await connection.execute("begin isolation level repeatable read")
            await connection.execute("select 1")
        yield
    finally:
        await connection.close()


async def work(url: str) -> None:
    """Let a worker process drain the queue."""
    process = subprocess.Popen(
        [sys.executable, "-m", "jobstream.cli", "worker", "bench.held_snapshot:app", "--concurrency", "100"],
        env={**os.environ, "JOBSTREAM_DATABASE_URL": url},
        stdin=subprocess.DEVNULL,
    )
    connection = await asyncpg.connect(url)
    try:
        while await connection.fetchval(LEFT):
            await asyncio.sleep(1)
            if process.poll() is not None:
                raise RuntimeError(f"the worker ended with {process.returncode}")
    finally:
        process.terminate()
        process.wait()
        await connection.close()


async def drain(url: str, name: str, jobs: int, *, held: bool) -> list[float]:
    """Fill and drain: the rates by fifths."""
    await fill(url, jobs)
    async with snapshot(url, held):
        await (bare(url, 500) if name == "loop" else work(url))
    connection = await asyncpg.connect(url)
    rates = [float(row["rate"]) for row in await connection.fetch(FIFTHS)]
    await connection.close()
    show(name, rates, held=held)
    return rates


def show(name: str, rates: list[float], *, held: bool) -> None:
    """A line of rates."""
    shown = "  ".join(f"{rate:7,.0f}" for rate in rates)
    kept = f"last of first {rates[-1] / rates[0]:4.0%}"
    print(f"{name:>14}, {'snapshot held' if held else 'no snapshot  '}: {shown} jobs/s; {kept}", flush=True)


async def compare(url: str, options: argparse.Namespace) -> None:
    """Both ways, both sides."""
    for name in ("loop", "worker"):
        if options.only not in (None, name):
            continue
        sides = [True] if options.only_held else [False, True]
        rounds = [
            [await drain(url, name, options.jobs, held=held) for held in sides] for _ in range(options.rounds)
        ]
        for held, runs in zip(sides, zip(*rounds, strict=True), strict=True):
            show(
                f"{name}, median", [statistics.median(fifth) for fifth in zip(*runs, strict=True)], held=held
            )


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=["loop", "worker"])
    parser.add_argument("--only-held", action="store_true", help="leave out the runs without a snapshot")
    options = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, bench_database(NO_CHECKPOINT) as url:
        runner.run(compare(url, options))


if __name__ == "__main__":
    main()
