"""Queues and schedules, straight on the database and over HTTP with one result."""

import signal
from collections.abc import Iterator

import pytest

from tests.cli.conftest import Command, Result
from tests.support import Process
from tests.support.processes import ADDRESS, STARTUP_SECONDS
from tests.support.waiting import eventually_sync


@pytest.fixture(params=["database", "http"])
def run(request: pytest.FixtureRequest, jobstream: Command) -> Iterator[Command]:
    """The command, either way."""
    if request.param == "database":
        yield jobstream
        return
    environ = {**jobstream.environ, "JOBSTREAM_AUTH": "off", "JOBSTREAM_DRAIN_SECONDS": "0"}
    with Process("serve", "--port", "0", environ=environ) as serving:
        found = eventually_sync(lambda: ADDRESS.search(serving.output()), STARTUP_SECONDS)
        assert found is not None
        yield Command({"JOBSTREAM_URL": found.group()})
        serving.signal(signal.SIGTERM)
        assert serving.wait_sync() == 0


def refused(result: Result, *words: str) -> None:
    assert result.code in (1, 2), result
    assert "Traceback" not in result.err
    for word in words:
        assert word in result.err


def test_a_queue_is_paused_limited_and_listed(run: Command, jobstream: Command) -> None:
    made = jobstream("enqueue", "k", "--queue", "images")
    assert made.code == 0

    assert run("queues", "pause", "images", "--json").json["paused"] is True
    changed = run(
        "queues", "set", "images", "--max-running", "4", "--rate", "100/60", "--key-limit", "2", "--json"
    )
    assert (changed.json["max_running"], changed.json["key_limit"]) == (4, 2)
    assert changed.json["rate_limit"] == {"count": 100, "per_seconds": 60}
    free = run("queues", "set", "images", "--max-running", "none", "--rate", "none", "--json").json
    assert (free["max_running"], free["rate_limit"], free["key_limit"]) == (None, None, 2)
    [listed] = run("queues", "list", "--json").json
    assert (listed["name"], listed["counts"]["pending"], listed["paused"]) == ("images", 1, True)
    table = run("queues", "list").out
    assert "images" in table
    assert "paused" in table
    assert "open" in run("queues", "resume", "images").out
    refused(run("queues", "set", "images"), "at least one")
    refused(run("queues", "set", "images", "--rate", "often"), "no rate")
    refused(run("queues", "pause", "no such name"), "name")


def test_a_schedule_is_put_run_listed_and_deleted(run: Command, jobstream: Command) -> None:
    put = ("schedules", "put", "nightly", "0 3 * * *", "--kind", "report", "--timezone", "Europe/Rome")
    made = run(*put, "--args", '{"all": true}', "--queue", "slow", "--paused", "--json").json
    assert (made["cron"], made["timezone"], made["paused"]) == ("0 3 * * *", "Europe/Rome", True)
    assert made["spec"]["args"] == {"all": True}
    assert run(*put, "--json").json["paused"] is True
    assert run(*put, "--active", "--json").json["paused"] is False
    [listed] = run("schedules", "list", "--json").json
    assert len(listed["upcoming"]) == 5
    table = run("schedules", "list").out
    assert "nightly" in table
    assert "undeclared" not in table
    jobstream("psql", "-c", "update jobstream.schedules set declared_at = now() - interval '1 hour'")
    assert "active, undeclared" in run("schedules", "list").out
    assert [each["undeclared"] for each in run("schedules", "list", "--json").json] == [True]

    id = run("schedules", "run", "nightly").out.strip()
    assert jobstream("jobs", "show", id, "--json").json["spec"]["kind"] == "report"

    assert run("schedules", "delete", "nightly", "--json").json == {"name": "nightly", "deleted": True}
    assert run("schedules", "list", "--json").json == []
    refused(run("schedules", "run", "nightly"), "nightly")
    refused(run("schedules", "put", "bad", "every day", "--kind", "k"), "every day")
    refused(run("schedules", "put", "bad", "0 3 * * *"), "--kind")


def test_all_that_match_are_cancelled_and_retried(run: Command, jobstream: Command) -> None:
    for n in range(3):
        assert jobstream("enqueue", "k", "--label", f"n={min(n, 1)}").code == 0
    assert jobstream("enqueue", "other").code == 0

    assert run("jobs", "cancel", "--kind", "k", "--dry-run", "--json").json == {"id": None, "matched": 3}
    cancelled = run("jobs", "cancel", "--kind", "k", "--label", "n=1", "--since", "1h", "--json").json
    assert (cancelled["done"], cancelled["status"]) == (2, "done")
    assert "2 of 2 jobs" in run("jobs", "retry", "--status", "cancelled").out
    statuses = [job["lifecycle"]["status"] for job in jobstream("jobs", "list", "--json").json]
    assert statuses == ["pending"] * 4
    refused(run("jobs", "retry"), "--status")
    refused(run("jobs", "cancel", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "--kind", "k"), "--status")
    refused(run("jobs", "cancel", "--kind", "k", "--force"), "--force")


def test_bench_says_how_fast_it_was_and_leaves_no_job_behind(jobstream: Command) -> None:
    figures = jobstream("bench", "--jobs", "300", "--json").json

    assert figures["jobs"] == 300
    assert min(value for name, value in figures.items()) > 0
    assert jobstream("jobs", "list", "--json").json == []
