"""Following a job: from its beginning, to its end, over whatever happens to the connection."""

import json
import signal
from typing import Any

import pytest

from tests.cli.conftest import Command
from tests.support import Process, eventually, free_port
from tests.support.types import Connection


async def advance(conn: Connection, statement: str, *args: object) -> None:
    await conn.fetch(f"select jobstream.{statement}", *args)


async def start_one(jobstream: Command, conn: Connection, kind: str = "greet") -> str:
    """A job that a worker holds."""
    made = str(jobstream("enqueue", kind, "--json").json["id"])
    await conn.fetch("select id from jobstream.claim(array['default'])")
    return made


async def test_watch_shows_history_then_what_happens_and_ends_with_the_result(
    jobstream: Command, conn: Connection
) -> None:
    made = await start_one(jobstream, conn)
    with Process("watch", made, environ=jobstream.environ) as watching:
        await watching.printed("running +attempt 1")
        await advance(conn, "report_progress($1, 1, 50, 100, 'half way')", made)
        await watching.printed("50/100 .*half way")
        await advance(conn, "log($1, 1, 'so far so good')", made)
        await advance(conn, "emit($1, 1, 'page.read', '{\"page\": 7}')", made)
        await watching.printed("so far so good")
        await watching.printed("page.read.*7")
        await advance(conn, "complete($1, 1, '{\"pages\": 9}')", made)

        assert await watching.wait() == 0
        assert '{"pages": 9}' in watching.output()


async def test_json_is_one_event_a_line_and_every_event_once(jobstream: Command, conn: Connection) -> None:
    made = await start_one(jobstream, conn)
    await advance(conn, "complete($1, 1)", made)

    result = jobstream("watch", made, "--json")

    stored = await conn.fetch(
        "select id, status from jobstream.job_events where job_id = $1 order by id", made
    )
    assert result.code == 0
    assert [(line["id"], line["status"]) for line in result.lines] == [
        (row["id"], row["status"]) for row in stored
    ]
    assert [line["status"] for line in result.lines] == ["pending", "running", "done"]


async def test_job_that_ends_in_the_dead_letter_queue_exits_1_and_says_why(
    jobstream: Command, conn: Connection
) -> None:
    made = await start_one(jobstream, conn)
    await advance(conn, "fail($1, 1, '\"out of paper\"', false)", made)

    result = jobstream("watch", made)

    assert result.code == 1
    assert "dlq" in result.err
    assert "not_retryable" in result.err
    assert "out of paper" in result.err


async def test_enqueue_follows_what_it_made(jobstream: Command, conn: Connection) -> None:
    with Process("enqueue", "greet", "--follow", "--json", environ=jobstream.environ) as following:
        await following.printed("pending")
        row = await conn.fetchrow("select id from jobstream.claim(array['default'])")
        assert row is not None
        await advance(conn, "complete($1, 1)", row["id"])

        assert await following.wait() == 0


async def test_ctrl_c_exits_130(jobstream: Command) -> None:
    made = jobstream("enqueue", "greet", "--json").json["id"]
    with Process("watch", made, environ=jobstream.environ) as watching:
        await watching.printed("pending")
        watching.signal(signal.SIGINT)

        assert await watching.wait() == 130
        assert "Traceback" not in watching.output()


def server(jobstream: Command, port: int) -> Process:
    return Process(
        "serve",
        "--port",
        str(port),
        environ={**jobstream.environ, "JOBSTREAM_AUTH": "off", "JOBSTREAM_DRAIN_SECONDS": "1"},
    )


async def test_watch_over_http_goes_on_after_the_server_was_killed_and_started_again(
    jobstream: Command, conn: Connection
) -> None:
    made, port = await start_one(jobstream, conn), free_port()
    with server(jobstream, port) as first:
        environ = {"JOBSTREAM_URL": await first.address()}
        with Process("watch", made, "--json", environ=environ) as watching:
            await watching.printed('"running"')
            first.kill()
            await advance(conn, "log($1, 1, 'nobody serves')", made)
            await watching.printed("connection lost")
            with server(jobstream, port) as second:
                await second.address()
                await watching.printed("nobody serves")
                await advance(conn, "complete($1, 1)", made)
                assert await watching.wait() == 0
                await second.stop()
            types = [event["type"] for event in events_of(watching)]

    assert types == ["status", "status", "log", "status"]


def events_of(process: Process) -> list[dict[str, Any]]:
    """The events that it printed, between its other lines."""
    return [json.loads(line) for line in process.output().splitlines() if line.startswith("{")]


async def test_watch_on_the_database_goes_on_after_its_connections_were_cut(
    jobstream: Command, conn: Connection
) -> None:
    made = await start_one(jobstream, conn)
    with Process("watch", made, "--json", environ=jobstream.environ) as watching:
        await watching.printed('"running"')
        cut = await conn.fetch(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where application_name = 'jobstream cli' and datname = current_database()"
        )
        await advance(conn, "complete($1, 1)", made)
        assert await watching.wait() == 0
        ids = [event["id"] for event in events_of(watching)]

    assert cut
    assert len(ids) == len(set(ids)) == 3


@pytest.mark.parametrize("over_http", [False, True], ids=["database", "http"])
async def test_watch_of_a_queue_shows_what_happens_to_its_jobs_from_now_on(
    jobstream: Command, conn: Connection, over_http: bool
) -> None:
    before = jobstream("enqueue", "before", "--queue", "images").out.strip()
    with server(jobstream, 0) as serving:
        environ = {"JOBSTREAM_URL": await serving.address()} if over_http else dict(jobstream.environ)
        with Process("watch", "--queue", "images", environ=environ) as watching:
            # Seen when it is connected, and no earlier: whatever it shows of this job was committed since.
            await eventually(lambda: touch(conn, before, watching))
            made = jobstream("enqueue", "resize", "--queue", "images").out.strip()
            jobstream("enqueue", "resize", "--queue", "other")
            await watching.printed(f"{made}  resize .*pending")
            watching.signal(signal.SIGINT)

            assert await watching.wait() == 130
            assert "other" not in watching.output()
            assert f"{before}  before .*status .*pending  by" not in watching.output()
        await serving.stop()


async def touch(conn: Connection, job: str, watching: Process) -> bool:
    """Change the job's priority, which is an event; whether the watcher has shown one."""
    await conn.execute("update jobstream.jobs set priority = priority + 1 where id = $1", job)
    return "updated" in watching.output()
