"""report_progress(), log(), emit(): what a running attempt says of itself."""

import json
from typing import Any

import pytest

from tests.support import Connection
from tests.support.clock import Clock
from tests.support.sql import call, claim, data_of, enqueue, events, job, refused, running


async def test_progress_is_kept_and_told(conn: Connection, clock: Clock) -> None:
    job_id = await running(conn)
    await clock.advance(10)
    assert await call(conn, "report_progress", job_id, 1, 25, 100, "reading") is False
    progress = json.loads((await job(conn, job_id))["progress"])
    assert {name: progress[name] for name in ("current", "total", "percent", "step")} == {
        "current": 25,
        "total": 100,
        "percent": 25.0,
        "step": "reading",
    }
    assert 30 <= progress["eta_secs"] <= 33
    last = (await events(conn, job_id))[-1]
    assert (last["type"], last["status"], last["attempt"], last["by"]) == ("progress", "running", 1, None)
    assert data_of(last) == progress


@pytest.mark.parametrize(
    ("current", "total", "percent"),
    [(1, 3, 33.3), (5, None, None), (0, 10, 0.0), (3, 0, None), (20, 10, 100.0)],
)
async def test_percent_is_rounded_and_never_over_100(
    conn: Connection, current: int, total: int | None, percent: float | None
) -> None:
    job_id = await running(conn)
    await call(conn, "report_progress", job_id, 1, current, total)
    assert json.loads((await job(conn, job_id))["progress"])["percent"] == percent


async def test_progress_answers_whether_cancel_was_requested(conn: Connection) -> None:
    job_id = await running(conn)
    await call(conn, "cancel", job_id, force=True)
    assert await call(conn, "report_progress", job_id, 1, 1) is True


async def test_same_progress_again_is_no_event(conn: Connection) -> None:
    job_id = await running(conn)
    await call(conn, "report_progress", job_id, 1, 1)
    await call(conn, "report_progress", job_id, 1, 1)
    assert len(await events(conn, job_id, "progress")) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        "null",
        "-1",
        "'NaN'",
        "'Infinity'",
        "1, -1",
        "1, 'NaN'",
        "1, 2, repeat('x', 1025)",
        "1, cost_usd => -1",
        "1e400",
    ],
)
async def test_bad_progress_is_refused(conn: Connection, arguments: str) -> None:
    job_id = await running(conn)
    with refused("JS400"):
        await conn.execute(f"select jobstream.report_progress($1, 1, {arguments})", job_id)


async def test_log_is_an_event(conn: Connection) -> None:
    job_id = await running(conn)
    await call(conn, "log", job_id, 1, "hello", "warning")
    last = (await events(conn, job_id))[-1]
    assert (last["type"], last["attempt"], data_of(last)) == (
        "log",
        1,
        {"level": "warning", "message": "hello"},
    )


async def test_log_takes_8_kib_and_no_more(conn: Connection) -> None:
    job_id = await running(conn)
    await call(conn, "log", job_id, 1, "ü" * 4096)
    with refused("JS400"):
        await call(conn, "log", job_id, 1, "ü" * 4097)


@pytest.mark.parametrize(("message", "level"), [(None, "info"), ("x", "loud"), ("x", None)])
async def test_bad_log_is_refused(conn: Connection, message: str | None, level: str | None) -> None:
    job_id = await running(conn)
    with refused("JS400"):
        await call(conn, "log", job_id, 1, message, level)


async def test_emit_is_an_event_of_its_own_type(conn: Connection) -> None:
    job_id = await running(conn, labels={"a": "b"}, owner="ann")
    await call(conn, "emit", job_id, 1, "build.stage-2.started", {"stage": 2})
    last = (await events(conn, job_id))[-1]
    assert (last["type"], last["status"], data_of(last)) == ("build.stage-2.started", "running", {"stage": 2})
    assert (last["owner"], json.loads(last["labels"]), last["by"]) == ("ann", {"a": "b"}, None)


@pytest.mark.parametrize(
    "type",
    [
        "status", "progress", "log", "updated", "deleted", "pipeline", "hello", "heartbeat", "reset", "end",
        "overloaded", "summary", "message", "open", "error", "", "Big", "9", "a b", "a" * 65, "a\n", "ü", None,
    ],
)  # fmt: skip
async def test_types_of_the_product_and_bad_ones_are_refused(conn: Connection, type: str | None) -> None:
    job_id = await running(conn)
    with refused("JS400"):
        await call(conn, "emit", job_id, 1, type)


async def test_emit_takes_64_kib_and_no_more(conn: Connection) -> None:
    job_id = await running(conn)
    await conn.execute("select jobstream.emit($1, 1, 'a', to_jsonb(repeat('x', 65534)))", job_id)
    with refused("JS400"):
        await conn.execute("select jobstream.emit($1, 1, 'a', to_jsonb(repeat('x', 65535)))", job_id)
    await conn.execute(
        "select jobstream.emit($1, 1, 'a', $2::text::jsonb)",
        job_id,
        json.dumps([1] * 30_000, separators=(",", ":")),
    )


REPORTS: list[tuple[str, list[Any]]] = [
    ("report_progress", [1]),
    ("log", ["x"]),
    ("emit", ["x"]),
]


@pytest.mark.parametrize(("verb", "rest"), REPORTS)
async def test_reports_of_another_attempt_are_lost_and_leave_nothing(
    conn: Connection, verb: str, rest: list[Any]
) -> None:
    job_id = await running(conn)
    with refused("JS410"):
        await call(conn, verb, job_id, 2, *rest)
    await call(conn, "complete", job_id, 1)
    with refused("JS410"):
        await call(conn, verb, job_id, 1, *rest)
    assert len(await events(conn, job_id)) == 3


@pytest.mark.parametrize(("verb", "rest"), REPORTS)
async def test_unknown_job_is_not_found(conn: Connection, verb: str, rest: list[Any]) -> None:
    with refused("JS404"):
        await call(conn, verb, "01ARZ3NDEKTSV4RRFFQ69G5FAV", 1, *rest)


async def test_order_of_events_is_the_order_of_calls(conn: Connection) -> None:
    job_id = await enqueue(conn)
    await claim(conn)
    for n in range(5):
        await call(conn, "log", job_id, 1, str(n))
        await call(conn, "report_progress", job_id, 1, n)
        await call(conn, "emit", job_id, 1, f"e{n}")
    await call(conn, "complete", job_id, 1)
    types = [row["type"] for row in await events(conn, job_id)]
    assert types == [
        "status",
        "status",
        *[name for n in range(5) for name in ("log", "progress", f"e{n}")],
        "status",
    ]
