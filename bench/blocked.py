"""What 100,000 jobs that cannot run cost those that can.

1,000 free jobs are claimed and completed with 100,000 blocked ones in front of them (enqueued before, of smaller
priority), each way that a job can be blocked, in turn; against the same with as many jobs in a queue that nobody asks for.
The bar is 80 % of that unblocked rate. Blocked by: its concurrency key, its time, an upstream, the limit of its queue, a paused queue.

    python -m bench.blocked [--blocked 100000] [--free 1000] [--rounds 3]
"""

import argparse
import asyncio
import statistics
import time

import asyncpg
import uvloop

from bench.databases import bench_database

FILL = """
select count(*)
from jobstream.enqueue_many((
    select jsonb_agg($2::jsonb || jsonb_build_object('kind', 'noop', 'args', jsonb_build_object('n', n)))
    from generate_series(1, $1::int) as n
))
"""
WAYS = {
    "none": '{"priority": -1, "queue": "elsewhere"}',
    "key": '{"priority": -1, "concurrency_key": "c"}',
    "time": '{"priority": -1, "delay": 86400}',
    "upstream": '{"priority": -1, "await_jobs": ["%s"]}',
    "limit": '{"priority": -1, "queue": "limited"}',
    "pause": '{"priority": -1, "queue": "paused"}',
}
QUEUES = ["paused", "limited", "default"]


async def block(conn: "asyncpg.Connection[asyncpg.Record]", way: str, blocked: int) -> None:
    """Clear everything, then put the blocked jobs there, as they are after vacuum."""
    await conn.execute(
        "truncate jobstream.jobs, jobstream.job_events, jobstream.job_awaits, jobstream.job_labels"
    )
    spec = WAYS[way]
    if way == "upstream":
        upstream = await conn.fetchval("select id from jobstream.enqueue('noop', delay => '2 days')")
        spec %= upstream
    for _ in range(blocked // 5000):
        await conn.execute(FILL.replace("$1", "5000").replace("$2", f"'{spec}'"))
    if way == "key":
        # One of them runs and holds the key.
        await conn.fetch("select id from jobstream.claim('{default}', 1, 'holder', '1 day')")
    if way == "limit":
        await conn.fetch("select id from jobstream.claim('{limited}', 1, 'holder', '1 day')")
    while await conn.fetchval("select jobstream.is_unsettled(jobstream.clock())"):
        await conn.execute("select jobstream.maintain()")
    await conn.execute("vacuum (analyze) jobstream.jobs, jobstream.job_awaits")


async def rate(conn: "asyncpg.Connection[asyncpg.Record]", free: int) -> float:
    """Enqueue the free jobs, and claim and complete them in tens: jobs a second."""
    await conn.execute(FILL.replace("$1", str(free)).replace("$2", "'{}'"))
    done = 0
    began = time.perf_counter()
    while done < free:
        jobs = await conn.fetch("select id, attempt, kind from jobstream.claim($1::text[], 10, 'w')", QUEUES)
        assert jobs
        assert {job["kind"] for job in jobs} == {"noop"}
        await conn.fetch(
            "select id from jobstream.complete_many($1, $2)",
            [job["id"] for job in jobs],
            [job["attempt"] for job in jobs],
        )
        done += len(jobs)
    return free / (time.perf_counter() - began)


async def compare(url: str, options: argparse.Namespace) -> None:
    """Every way, in turn, and the medians."""
    conn = await asyncpg.connect(url)
    await conn.execute("select jobstream.set_queue('limited', max_running => 1)")
    await conn.execute("select jobstream.pause_queue('paused')")
    rates: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(options.rounds):
        for way in WAYS:
            await block(conn, way, options.blocked)
            await rate(conn, options.free // 10)
            rates[way].append(await rate(conn, options.free))
    unblocked = statistics.median(rates["none"])
    for way, got in rates.items():
        median = statistics.median(got)
        print(
            f"blocked by {way:>8}: {median:8,.0f} jobs/s, {median / unblocked:4.0%} of the unblocked",
            flush=True,
        )
    await conn.close()


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--blocked", type=int, default=100_000)
    parser.add_argument("--free", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, bench_database() as url:
        runner.run(compare(url, options))


if __name__ == "__main__":
    main()
