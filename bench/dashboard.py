"""How long each question of the dashboard takes among a million jobs and a million events, over HTTP.

Both tables are filled behind the triggers' back, which wants a superuser. Each question is asked ten times, one after the other.

    python -m bench.dashboard [--jobs 1000000]
"""

import argparse
import statistics
import time
from contextlib import ExitStack

import asyncpg
import httpx
import uvloop

from bench.databases import bench_database
from bench.lists import fill
from tests.browser.site import Site

TIMES = 10
EVENTS = """
insert into jobstream.job_events (at, job_id, type, status, attempt, queue, kind, owner, labels, data, by)
select
    now() - interval '20 hours' * (1 - e.n / $1::float8),
    j.id,
    'status',
    e.status,
    case e.status when 'pending' then 0 else 1 end,
    j.queue,
    j.kind,
    j.owner,
    j.labels,
    case e.status when 'pending' then '{"from": null}' else '{"from": "running"}' end::jsonb,
    case when e.n % 5000 = 0 then 'anna' end
from (
    select g as n, (array['pending', 'running', 'done'])[1 + g % 3] as status from generate_series(1, $1::int) as g
) as e
inner join (select id, queue, kind, owner, labels, row_number() over (order by id) as n from jobstream.jobs) as j
    on e.n = j.n
order by e.n
"""
ASKED = (
    ("GET", "session"),
    ("GET", "summary"),
    ("GET", "stats?seconds=900"),
    ("GET", "stats?seconds=86400"),
    ("GET", "queues"),
    ("GET", "errors"),
    ("GET", "workers"),
    ("GET", "schedules"),
    ("GET", "health"),
    ("GET", "activity"),
    ("GET", "pipelines"),
    ("GET", "jobs?limit=100"),
    ("GET", "jobs?limit=20&status=running"),
    ("GET", "jobs?limit=100&status=dlq&status=failed&queue=queue3"),
    ("GET", "cron?expression=0%203%20*%20*%20*"),
    ("POST", "bulk/cancel"),
    ("POST", "bulk/retry"),
    ("POST", "bulk/delete"),
)


async def fill_events(url: str, events: int) -> None:
    """That many events of the last 20 hours."""
    connection = await asyncpg.connect(url)
    await connection.execute("set session_replication_role = replica")
    await connection.execute(EVENTS, events)
    await connection.execute("vacuum analyze jobstream.job_events")
    await connection.close()


def measure(site: Site) -> None:
    """A line for each question."""
    with httpx.Client(base_url=f"{site.url}api/v1/", timeout=60) as http:
        for method, path in ASKED:
            times = []
            for _ in range(TIMES):
                body = {"filter": {}, "dry_run": True} if method == "POST" else None
                began = time.perf_counter()
                answer = http.request(method, path, json=body)
                times.append((time.perf_counter() - began) * 1_000)
                answer.raise_for_status()
            print(
                f"{method:4} {path:55} median {statistics.median(times):7.1f} ms   worst {max(times):7.1f} ms"
            )


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1_000_000)
    options = parser.parse_args()
    with bench_database() as url, ExitStack() as stack:
        uvloop.run(fill(url, options.jobs))
        uvloop.run(fill_events(url, options.jobs))
        site = Site(url, stack)
        site.start()
        measure(site)


if __name__ == "__main__":
    main()
