"""How fast one worker process drains no-op jobs, against the ceiling of a bare driver loop in the same run.

The bare loop claims and completes in batches over two connections, overlapped, and does nothing else: no tasks, no
arguments, no leases to renew, no shutdown to think of. Both do the same in the database: full history, fence, bell.

    python -m bench.drain [--jobs 100000] [--rounds 3] [--concurrency 100]
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys

import asyncpg
import uvloop

from bench.databases import bench_database
from jobstream import JobContext, JobStream

app = JobStream()

FILL = """
select count(*)
from jobstream.enqueue_many((
    select jsonb_agg(jsonb_build_object('kind', 'noop', 'args', jsonb_build_object('n', n)))
    from generate_series(1, $1::int) as n
))
"""
LEFT = (
    "select exists (select from jobstream.jobs where status in ('pending', 'running', 'waiting', 'failed'))"
)
TOOK = """
select extract(epoch from max(e.at) filter (where e.status = 'done') - min(e.at) filter (where e.status = 'running'))
from jobstream.job_events as e
"""
CHECK = "select count(*) filter (where status = 'done'), count(*) from jobstream.jobs"


@app.job("noop")
async def noop(ctx: JobContext) -> None:
    """Nothing."""


async def fill(url: str, jobs: int) -> None:
    """As many jobs as asked for, in a table as it is after vacuum."""
    connection = await asyncpg.connect(url)
    await connection.execute("truncate jobstream.jobs, jobstream.job_events")
    for _ in range(jobs // 5000):
        await connection.execute(FILL.replace("$1", "5000"))
    await connection.execute("vacuum (analyze) jobstream.jobs")
    await connection.execute("checkpoint")
    await connection.close()


async def bare(url: str, batch: int) -> None:
    """The ceiling: claim and complete, overlapped."""
    claiming, completing = await asyncpg.connect(url), await asyncpg.connect(url)
    claimed: asyncio.Queue[list[asyncpg.Record]] = asyncio.Queue(2)

    async def complete() -> None:
        while jobs := await claimed.get():
            await completing.fetch(
                "select id, status, lost from jobstream.complete_many($1, $2, null)",
                [job["id"] for job in jobs],
                [job["attempt"] for job in jobs],
            )

    async with asyncio.TaskGroup() as group:
        group.create_task(complete())
        after = None
        while True:
            jobs = await claiming.fetch(
                "select id, attempt, priority, kind, args from jobstream.claim('{default}', $1, 'bare', '30 s', $2)",
                batch,
                after,
            )
            await claimed.put(jobs)
            if not jobs:
                break
            last = max((job["priority"], job["id"]) for job in jobs)
            after = f'{{"default": [{last[0]}, "{last[1]}"]}}'
    await claiming.close()
    await completing.close()


async def measure(url: str, jobs: int, arguments: list[str]) -> float:
    """Jobs a second from the first claim to the last completion, by the database's own history."""
    await fill(url, jobs)
    process = subprocess.Popen(
        [sys.executable, *arguments],
        env={**os.environ, "JOBSTREAM_DATABASE_URL": url},
        stdin=subprocess.DEVNULL,
    )
    connection = await asyncpg.connect(url)
    try:
        while await connection.fetchval(LEFT):
            await asyncio.sleep(0.1)
            if process.poll() not in (None, 0):
                raise RuntimeError(f"{arguments} ended with {process.returncode}")
    finally:
        process.terminate()
        process.wait()
    [[done, total]] = await connection.fetch(CHECK)
    assert done == total == jobs // 5000 * 5000, (done, total)
    took = float(await connection.fetchval(TOOK))
    await connection.close()
    return float(done / took)


async def compare(url: str, options: argparse.Namespace) -> None:
    """Rounds of both, in turn, and their medians."""
    worker = ["-m", "jobstream.cli", "worker", "bench.drain:app", "--concurrency", str(options.concurrency)]
    loop = ["-m", "bench.drain", "--bare", str(options.batch)]
    rates: dict[str, list[float]] = {"bare loop": [], "worker": []}
    for _ in range(options.rounds):
        for name, arguments in (("bare loop", loop), ("worker", worker)):
            rates[name].append(await measure(url, options.jobs, arguments))
            print(f"{name:>10}: {rates[name][-1]:9,.0f} jobs/s", flush=True)
    ceiling, reached = statistics.median(rates["bare loop"]), statistics.median(rates["worker"])
    print(
        f"    median: bare loop {ceiling:,.0f}/s, worker {reached:,.0f}/s: {reached / ceiling:.0%} of the ceiling"
    )


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--concurrency", type=int, default=100, help="of the worker")
    parser.add_argument("--batch", type=int, default=500, help="of the bare loop")
    parser.add_argument("--bare", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if options.bare:
            runner.run(bare(os.environ["JOBSTREAM_DATABASE_URL"], options.bare))
            return
        with bench_database() as url:
            runner.run(compare(url, options))


if __name__ == "__main__":
    main()
