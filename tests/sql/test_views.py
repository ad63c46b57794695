"""The views of operators."""

from datetime import timedelta
from typing import Any

import pytest

from tests.support import Connection
from tests.support.clock import Clock
from tests.support.sql import call, claim, ended, enqueue, fill, maintain, running

VIEWS = [
    "queue_stats",
    "running_jobs",
    "stuck_jobs",
    "dlq_jobs",
    "job_timeline",
    "live_workers",
    "health",
    "status",
]


async def rows(conn: Connection, view: str) -> list[dict[str, Any]]:
    """Return what a view shows."""
    return [dict(row) for row in await conn.fetch(f"select * from jobstream.{view}")]


async def stuck(conn: Connection) -> dict[str, str]:
    """Return who is stuck and why."""
    return {row["id"]: row["why"] for row in await rows(conn, "stuck_jobs")}


@pytest.mark.parametrize("view", VIEWS)
async def test_view_of_an_empty_system_works(conn: Connection, view: str) -> None:
    await rows(conn, view)


async def test_queue_stats_count_and_show_settings(conn: Connection, clock: Clock) -> None:
    await call(conn, "set_queue", "a", max_running=5, paused=True)
    await running(conn, queue="b")
    await fill(conn, 2, queue="b")
    await enqueue(conn, queue="b", delay=timedelta(hours=1))
    await ended(conn, "dlq", queue="c")
    await ended(conn, "failed", queue="c")
    await clock.advance(60)
    stats = {row["queue"]: row for row in await rows(conn, "queue_stats")}
    assert {name: stats["b"][name] for name in ("waiting", "pending", "running", "failed", "dlq")} == {
        "waiting": 1,
        "pending": 2,
        "running": 1,
        "failed": 0,
        "dlq": 0,
    }
    assert 59 < stats["b"]["oldest_pending_seconds"] < 70
    assert (stats["c"]["failed"], stats["c"]["dlq"], stats["c"]["key_limit"]) == (1, 1, 1)
    assert (stats["a"]["paused"], stats["a"]["max_running"], stats["a"]["pending"]) == (True, 5, 0)


async def test_a_queue_that_a_worker_serves_is_shown_though_nothing_stands_in_it(
    conn: Connection, clock: Clock
) -> None:
    for host in ("a", "b"):
        await call(conn, "register_worker", host, host, 1, "1", ["mail"], ["send"], 5)
    [mail] = await rows(conn, "queue_stats")
    assert (mail["queue"], mail["pending"], mail["running"], mail["oldest_pending_at"]) == (
        "mail",
        0,
        0,
        None,
    )
    await clock.advance(31)
    assert await rows(conn, "queue_stats") == []


async def test_running_jobs_show_who_runs_what_how_far(conn: Connection) -> None:
    job_id = await running(conn)
    await call(conn, "report_progress", job_id, 1, 1, 4, "reading")
    [row] = await rows(conn, "running_jobs")
    assert (row["id"], row["worker"], row["percent"], row["step"]) == (job_id, "w1", "25.0", "reading")


async def test_dead_letters_are_shown_newest_first(conn: Connection) -> None:
    ids = [await ended(conn, "dlq") for _ in range(3)]
    assert [row["id"] for row in await rows(conn, "dlq_jobs")] == ids[::-1]
    assert (await rows(conn, "dlq_jobs"))[0]["last_error"] == "boom"


async def test_timeline_tells_a_job_with_the_time_between(conn: Connection) -> None:
    job_id = await ended(conn)
    await ended(conn)
    told = [row for row in await rows(conn, "job_timeline") if row["job_id"] == job_id]
    assert [row["status"] for row in told] == ["pending", "running", "done"]
    assert told[0]["after"] is None
    assert told[1]["after"] == told[1]["at"] - told[0]["at"]


async def test_nothing_is_stuck_that_moves(conn: Connection, clock: Clock) -> None:
    await running(conn)
    await enqueue(conn, delay=timedelta(minutes=1))
    await enqueue(conn, concurrency_key="c")
    assert await stuck(conn) == {}


async def test_stuck_jobs_say_why(conn: Connection, clock: Clock) -> None:
    lease = await running(conn)
    slow = await running(conn, timeout_seconds=1)
    due = await enqueue(conn, queue="z", delay=timedelta(seconds=1))
    late = await enqueue(conn, queue="z", deadline=await clock.now() + timedelta(seconds=1))
    keyed = await enqueue(conn, queue="z", concurrency_key="c")
    old = await enqueue(conn, queue="z")
    await clock.advance(20)
    why = await stuck(conn)
    assert why[slow] == "running longer than its timeout"
    assert why[late] == "past its deadline"
    assert why[keyed] == "held and not looked at"
    assert why[due].startswith("due and not promoted")
    assert not {lease, old} & set(why)
    await clock.advance(300)
    why = await stuck(conn)
    assert why[lease] == "its lease has expired"
    assert why[old] == "pending for over 5 minutes"


async def test_health_warns_of_what_is_wrong(conn: Connection, clock: Clock) -> None:
    state = {row["name"]: row["status"] for row in await rows(conn, "health")}
    assert set(state.values()) == {"ok"}
    await enqueue(conn)
    await ended(conn, "dlq", queue="a")
    await call(conn, "pause_queue", "b")
    await clock.advance(400)
    state = {row["name"]: row["status"] for row in await rows(conn, "health")}
    assert {name for name, status in state.items() if status == "warning"} >= {
        "workers",
        "stuck_jobs",
        "dead_letters",
        "paused_queues",
    }


async def test_status_is_one_screen_of_queues_and_health(conn: Connection) -> None:
    await fill(conn, 3, queue="images")
    await call(conn, "pause_queue", "images")
    shown = {row["name"]: row for row in await rows(conn, "status")}
    assert shown["images"]["state"].startswith("3 pending, 0 running")
    assert "PAUSED" in shown["images"]["state"]
    assert {row["what"] for row in shown.values()} == {"queue", "health"}


async def test_live_workers_are_shown(conn: Connection) -> None:
    await conn.execute("select jobstream.register_worker('w1', 'host', 7, '1', '{default}', '{work}', 4)")
    await enqueue(conn)
    await claim(conn)
    await maintain(conn)
    [row] = await rows(conn, "live_workers")
    assert (row["id"], row["queues"], row["is_watched"]) == ("w1", ["default"], False)
