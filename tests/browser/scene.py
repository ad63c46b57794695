"""Jobs in every state, with names and errors as they are met: what the pictures show and the statements are tried on."""

from typing import Any, Final

import msgspec
from msgspec import Struct

from tests.browser.site import Site
from tests.support.waiting import eventually_sync

HISTORY: Final = """
select count(*) from jobstream.enqueue_many((
    select jsonb_agg(jsonb_build_object(
        'kind', (array['thumbnail', 'transcode', 'mail.send', 'search.index'])[1 + n %% 4],
        'queue', (array['images', 'images', 'mail', 'bulk'])[1 + n %% 4],
        'labels', jsonb_build_object('team', (array['shop', 'press'])[1 + n %% 2], 'customer', (n %% 50)::text)
    ))
    from generate_series(1, %s) as n
))
"""
DO: Final = """
with taken as materialized (
    select l.id, l.attempt, row_number() over () as n from jobstream.claim('{images,mail,bulk}', %s, 'web-2:4410') as l
),
ended as materialized (
    select array_agg(t.id) as ids, array_agg(t.attempt) as attempts, array_agg('{"bytes": 48213}'::jsonb) as results
    from taken as t
    where t.n %% 60 <> 0
)
select count(*) from ended as e cross join lateral jobstream.complete_many(e.ids, e.attempts, e.results)
"""
FAIL: Final = """
select jobstream.fail(j.id, j.attempt, %s::jsonb, retryable => false) from jobstream.jobs as j where j.status = 'running'
"""
# What was made within seconds is spread over the hour before, so that plots have something to show.
SPREAD: Final = (
    "update jobstream.job_events set at = at - make_interval(secs => 3400 * (1 - abs(hashtext(job_id)) / 2147483648.0))",
    """
    set session_replication_role = replica;
    update jobstream.jobs set
        created_at = created_at - shift, started_at = started_at - shift, completed_at = completed_at - shift
    from (
        select id as key, make_interval(secs => 3400 * (1 - abs(hashtext(id)) / 2147483648.0)) as shift
        from jobstream.jobs
    ) as s
    where s.key = id
    """,
)
LONG: Final = "warehouse.nightly-export.of-everything-that-changed-since-the-last-full-moon"
STEPS: Final = (
    {"key": "fetch", "kind": "noop", "queue": "bulk"},
    {"key": "decode", "kind": "resize", "queue": "images", "after": ["fetch"]},
    {
        "key": "audio",
        "kind": "resize",
        "queue": "images",
        "after": ["fetch"],
        "args": {"steps": 4000, "pause": 0.2},
    },
    {"key": "thumbnails", "kind": "resize", "queue": "images", "after": ["decode"]},
    {"key": "publish", "kind": "noop", "queue": "bulk", "after": ["audio", "thumbnails"]},
)
BROKEN: Final = (
    {"key": "fetch", "kind": "noop", "queue": "bulk"},
    {"key": "parse", "kind": "explode", "queue": "images", "after": ["fetch"], "max_attempts": 1,
     "args": {"message": "unexpected end of file"}},
    {"key": "load", "kind": "noop", "queue": "bulk", "after": ["parse"]},
)  # fmt: skip


class Scene(Struct, frozen=True, kw_only=True):
    """What was made: a job for each state by name, two pipelines (one runs, one failed)."""

    site: Site
    jobs: dict[str, str]
    pipelines: tuple[str, str]


def play(site: Site, *, history: int = 1200) -> Scene:
    """Make it all, with a real worker for what is to run."""
    _history(site, history)
    site.work()
    jobs = _jobs(site)
    pipelines = (_pipeline(site, "video-import", STEPS), _pipeline(site, "nightly-parse", BROKEN))
    _schedules(site)
    _interventions(site)
    wanted = {"running": "running", "done": "done", "dead": "dlq", "failed": "failed", "long": "running"}
    eventually_sync(lambda: all(site.status(jobs[name]) == status for name, status in wanted.items()), 30)
    state = "select status from jobstream.pipelines where id = %s"
    eventually_sync(lambda: site.sql(state, pipelines[1]) == [("failed",)], 30)
    return Scene(site=site, jobs=jobs, pipelines=pipelines)


def _history(site: Site, count: int) -> None:
    if not count:
        return
    site.sql(HISTORY, count)
    for _ in range(4):
        site.sql(DO, count // 4)
    error = msgspec.json.encode(
        {"type": "TimeoutError", "message": "no answer from cdn-7 within 30 s"}
    ).decode()
    site.sql(FAIL, error)
    for statement in SPREAD:
        site.sql(statement)


def _jobs(site: Site) -> dict[str, str]:
    made = {
        "running": _enqueue(site, "resize", queue="images", args={"steps": 4000, "pause": 0.2, "path": "raw/0001.tif"},
                            labels={"team": "shop", "customer": "42"}, owner="anna"),
        "long": _enqueue(site, "resize", queue="images", args={"steps": 3000, "pause": 0.3}, labels={"file": LONG}),
        "done": _enqueue(site, "resize", queue="images", args={"steps": 4}),
        "dead": _enqueue(site, "explode", queue="images", max_attempts=1,
                         args={"message": "codec av1 is missing on this host"}),
        "failed": _enqueue(site, "explode", queue="images", max_attempts=5, labels={"team": "shop"},
                           backoff={"type": "fixed", "base": 600}, args={"message": "no answer from cdn-7"}),
        "waiting": _enqueue(site, "noop", queue="bulk", delay="2 h"),
        "named": _enqueue(site, LONG, queue="exports"),
    }  # fmt: skip
    for number in range(12):
        _enqueue(site, "export", queue="exports", args={"part": number})
    site.sql("select jobstream.pause_queue('exports')")
    return made


def _schedules(site: Site) -> None:
    put = "select jobstream.put_schedule(%s, %s, %s, %s::jsonb)"
    report = '{"kind": "report", "queue": "bulk", "args": {"of": "yesterday"}, "max_attempts": 5}'
    site.sql(put, "nightly-report", "30 3 * * mon-fri", "Europe/Rome", report)
    site.sql(put, "cleanup", "*/15 * * * *", "UTC", '{"kind": "noop", "queue": "bulk"}')
    site.sql("update jobstream.schedules set paused = true where name = 'cleanup'")


def _interventions(site: Site) -> None:
    ids = [_enqueue(site, "export", queue="exports") for _ in range(3)]
    for id in ids:
        site.sql("select jobstream.cancel(%s)", id)
    site.sql("select jobstream.retry(%s)", ids[0])
    site.sql("update jobstream.jobs set priority = -5 where id = %s", ids[0])
    chosen = '{"queue": ["exports"], "kind": ["export"], "status": ["cancelled"]}'
    site.sql("select * from jobstream.retry_where(%s, dry_run => false)", chosen)


def _pipeline(site: Site, name: str, steps: tuple[dict[str, Any], ...]) -> str:
    made = "select jobstream.create_pipeline(%s, %s::jsonb) ->> 'id'"
    [(id,)] = site.sql(made, name, msgspec.json.encode(steps).decode())
    return str(id)


def _enqueue(site: Site, kind: str, **parameters: Any) -> str:
    given = msgspec.json.encode([{"kind": kind, **parameters}]).decode()
    [(id,)] = site.sql("select id from jobstream.enqueue_many(%s::jsonb)", given)
    return str(id)
