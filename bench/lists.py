"""How long a page of jobs takes among a million: by status, kind, queue, owner, label, text, and several at a time.

The table is filled behind the triggers' back, which wants a superuser. Twelve pages of fifty each, one after the other.

    python -m bench.lists [--jobs 1000000]
"""

import argparse
import statistics
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import uvloop

from bench.databases import bench_database
from jobstream.domain.job import JobFilter, Status
from jobstream.store.jobs import JobStore
from jobstream.store.pool import Database

PAGES = 12
FILL = """
insert into jobstream.jobs (
    id, queue, kind, status, reason, completed_at, hold, owner, args, created_at, labels
)
select
    jobstream.id_time(made.at) || lpad(g::text, 16, '0'),
    'queue' || case when g % 1000 = 0 then 9 else g % 5 end,
    'kind' || case when g % 5000 = 0 then 99 else g % 20 end,
    s.status,
    case when s.status in ('dlq', 'cancelled') then 'requested' end,
    case when s.status in ('done', 'dlq', 'cancelled') then now() end,
    case when s.status = 'failed' then 'time' end,
    'owner' || case when g % 10000 = 0 then 'rare' else (g % 50)::text end,
    '{"a": 1}',
    made.at,
    case when g % 10 = 0 then jsonb_build_object('tenant', 't' || g % 1000) else '{}' end
from generate_series(1, $1::int) as g
cross join lateral (select now() - interval '10 days' * (1 - g / $1::float8) as at) as made
cross join lateral (
    select case
        when g % 2000 = 0 then 'dlq'
        when g % 3001 = 0 then 'cancelled'
        when g % 777 = 0 then 'failed'
        when g % 100 = 1 then 'pending'
        else 'done'
    end as status
) as s
"""
LABELS = """
insert into jobstream.job_labels (name, value, job_id)
select l.key, l.value, j.id from jobstream.jobs as j cross join jsonb_each_text(j.labels) as l where j.labels <> '{}'
union all
select ':kind', j.kind, j.id from jobstream.jobs as j
union all
select ':queue', j.queue, j.id from jobstream.jobs as j
union all
select ':owner', j.owner, j.id from jobstream.jobs as j
"""
NOW = datetime.now(UTC)
TENANT = (("tenant", "t10"),)
ASKED: dict[str, dict[str, Any]] = {
    "everything": {},
    "done": {"status": (Status.DONE,)},
    "pending or running": {"status": (Status.PENDING, Status.RUNNING)},
    "dead letters": {"status": (Status.DLQ,)},
    "dead or cancelled": {"status": (Status.DLQ, Status.CANCELLED)},
    "a common kind": {"kind": ("kind3",)},
    "a rare kind": {"kind": ("kind99",)},
    "no such kind": {"kind": ("none",)},
    "a rare queue": {"queue": ("queue9",)},
    "a rare owner": {"owner": ("ownerrare",)},
    "a label": {"label": TENANT},
    "dead letters of a kind": {"status": (Status.DLQ,), "kind": ("kind0",)},
    "a kind where it is not": {"kind": ("kind1",), "queue": ("queue2",)},
    "pending where none is": {"status": (Status.PENDING,), "kind": ("kind2",)},
    "nine days ago": {"until": NOW - timedelta(days=9)},
    "a kind since nine days": {"kind": ("kind7",), "since": NOW - timedelta(days=9)},
    "text that is there": {"q": "KIND3"},
    "text that is not": {"q": "zzz"},
}


async def fill(url: str, jobs: int) -> None:
    """That many jobs of ten days."""
    connection = await asyncpg.connect(url)
    await connection.execute("set session_replication_role = replica")
    await connection.execute(FILL, jobs)
    await connection.execute(LABELS)
    await connection.execute("vacuum analyze jobstream.jobs, jobstream.job_labels")
    await connection.close()


async def page_times(jobs: JobStore, filter: JobFilter) -> tuple[list[float], int]:
    """Milliseconds of each page, and how many jobs they had."""
    times, found, cursor = [], 0, None
    for _ in range(PAGES):
        began = time.perf_counter()
        page = await jobs.list(filter, cursor=cursor)
        times.append((time.perf_counter() - began) * 1_000)
        found += len(page.items)
        cursor = page.next_cursor
    return times, found


async def measure(url: str) -> None:
    """A line for each question."""
    everything: list[float] = []
    async with Database.connect(url, size=2) as database:
        jobs = JobStore(database, raw=True)
        await jobs.list()
        for name, asked in ASKED.items():
            times, found = await page_times(jobs, JobFilter(**asked))
            everything += times
            print(
                f"{name:24} median {statistics.median(times):6.1f} ms   worst {max(times):6.1f} ms   {found:4} jobs"
            )
    print(f"{'all of them':24} p95 {statistics.quantiles(everything, n=20)[-1]:6.1f} ms   (bar: 50 ms)")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1_000_000)
    options = parser.parse_args()
    with bench_database() as url:
        uvloop.run(fill(url, options.jobs))
        uvloop.run(measure(url))


if __name__ == "__main__":
    main()
