"""What must be so after any storm: every job ended, every attempt accounted for, none run twice."""

import asyncio
import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import Connection, eventually

LEFT = """
select count(*) from jobstream.jobs where status not in ('done', 'dlq', 'cancelled')
"""
ENQUEUE = """
select count(*)
from jobstream.enqueue_many((
    select jsonb_agg(jsonb_build_object('kind', ($2::text[])[1 + n % array_length($2, 1)], 'args', $3::jsonb, 'max_attempts', 3))
    from generate_series(1, $1::int) as n
))
"""


@dataclass(frozen=True)
class Account:
    """One job: its row, and of each attempt how it ended (`done`, `failed`, `crashed`, `released`)."""

    row: dict[str, Any]
    endings: list[str]
    runs: list[tuple[int, int]]
    """Attempt and process of each handler that truly began."""


async def enqueue_storm(conn: Connection, count: int, *kinds: str, args: object = None) -> None:
    """Enqueue so many jobs, of the kinds in turn, in one statement."""
    await conn.execute(ENQUEUE, count, list(kinds), json.dumps({} if args is None else args))


async def done(conn: Connection) -> int:
    """How many are done."""
    return int(await conn.fetchval("select count(*) from jobstream.jobs where status = 'done'"))


async def settle(conn: Connection, runs: Path, count: int, *, timeout: float = 60.0) -> dict[str, Account]:
    """Wait until every job has ended, then account for all: accounts by id.

    Fails where a job is missing, an attempt has no explanation, or an attempt ran twice or without a claim.
    """

    async def ended() -> bool:
        left = await conn.fetchval(LEFT)
        assert left == 0, f"{left} jobs have not ended"
        return True

    await eventually(ended, timeout)
    ran = defaultdict(list)
    for line in (await asyncio.to_thread(runs.read_text)).splitlines():
        id, attempt, pid = line.split()
        ran[id].append((int(attempt), int(pid)))
    rows = await conn.fetch("select * from jobstream.jobs order by id")
    assert len(rows) == count
    history = defaultdict(list)
    for event in await conn.fetch(
        "select job_id, attempt, status from jobstream.job_events where type = 'status' order by id"
    ):
        history[event["job_id"]].append((event["attempt"], event["status"]))
    accounts = {row["id"]: _account(dict(row), history[row["id"]], ran.pop(row["id"], [])) for row in rows}
    assert not ran, "handlers ran for jobs that are none"
    return accounts


def _account(row: dict[str, Any], history: list[tuple[int, str]], runs: list[tuple[int, int]]) -> Account:
    claims = [attempt for attempt, status in history if status == "running"]
    assert claims == list(range(1, row["attempt"] + 1)), (row["id"], history)
    errors = {error["attempt"]: error["type"] for error in json.loads(row["errors"])}
    endings = [_ending(attempt, history, errors) for attempt in claims]
    assert endings[-1] == "done" or row["status"] != "done"
    assert endings.count("done") == (row["status"] == "done"), (row["id"], endings)
    assert endings.count("failed") == row["failures"], (row["id"], endings, row["failures"])
    assert endings.count("crashed") == row["crashes"], (row["id"], endings, row["crashes"])
    attempts = [attempt for attempt, _ in runs]
    assert len(set(attempts)) == len(attempts), f"{row['id']} ran an attempt twice: {runs}"
    assert set(attempts) <= set(claims), (row["id"], runs, claims)
    assert row["status"] != "done" or row["attempt"] in attempts, "done without having run"
    return Account(row, endings, runs)


def _ending(attempt: int, history: list[tuple[int, str]], errors: dict[int, str]) -> str:
    """How an attempt ended, by what the database wrote down: an error of its own, or the status after it."""
    began = history.index((attempt, "running"))
    after = history[began + 1][1]
    if after == "done":
        return "done"
    if attempt in errors:
        return "crashed" if errors[attempt] == "WorkerLost" else "failed"
    assert after in {"pending", "waiting"}, f"attempt {attempt} ended without a reason: {history}"
    return "released"
