"""Promoted, restored: another history has begun, clients are told, and nothing of before is taken for something of after."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from jobstream.embedded import EmbeddedServer
from jobstream.embedded.account import server_account
from jobstream.schema import sql_folder
from tests.streams.conftest import StartServer
from tests.streams.reading import heard, position, said, serving, stored, told, types
from tests.streams.wire import Block
from tests.support import Connection, Process, eventually
from tests.support.sql import call, claim, enqueue

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

APART = 2**32


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


def run(server: EmbeddedServer, program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs as the account that owns the data."""
    account = server_account()
    subprocess.run(
        [server.psql.with_name(program), *arguments],
        check=True,
        cwd="/",
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )


def standby_of(primary: EmbeddedServer, folder: Path, start_server: StartServer) -> EmbeddedServer:
    """Make a standby by pg_basebackup and start it."""
    home = folder / "standby"
    data = home / primary.log.parent.name / "data"
    data.parent.mkdir(parents=True, mode=0o711)
    for path in (home, data.parent):
        path.chmod(0o711)
        if account := server_account():
            os.chown(path, account.uid, account.gid)
    run(primary, "pg_basebackup", "-d", primary.url, "-D", str(data), "-R", "-X", "stream", "-c", "fast")
    return start_server(home)


async def promote(standby: EmbeddedServer, *, after: Connection) -> None:
    """Promote it when it has all that the primary has."""
    here = await after.fetchval("select pg_current_wal_flush_lsn()::text")
    async with connected(standby.url) as connection:
        await eventually(
            lambda: connection.fetchval("select pg_last_wal_replay_lsn() >= $1::text::pg_lsn", here)
        )
        await connection.execute("select pg_promote()")
        await eventually(lambda: connection.fetchval("select not pg_is_in_recovery()"))


async def last_id(connection: Connection) -> int:
    return int(await connection.fetchval("select max(id) from jobstream.job_events"))


async def test_after_a_promotion_streams_tell_a_new_epoch(
    primary: EmbeddedServer, folder: Path, start_server: StartServer
) -> None:
    async with connected(primary.url) as connection, serving(primary.url) as address:
        job = await enqueue(connection)
        of_all = position(await told(address, "/events?from=earliest", until=heard("status")))
        of_job = position(await told(address, f"/jobs/{job}/events", until=heard("status")))
        standby = standby_of(primary, folder, start_server)
        before = await last_id(connection)
        await promote(standby, after=connection)
        # What the standby never got, and what a client saw all the same.
        lost = await enqueue(connection)
        phantom = position(await told(address, f"/jobs/{lost}/events", until=heard("status")))
    async with serving(standby.url) as address, connected(standby.url) as connection:
        again = await told(address, "/events", last_id=of_all, until=heard("reset"))
        assert said(again) == ["hello", "reset"]
        assert again[-1].data == {"reason": "epoch"}
        new = await enqueue(connection)
        assert await last_id(connection) > before + APART
        went_on = await told(address, "/events", last_id=position(again), until=heard("status"))
        assert [block.data["job_id"] for block in went_on if block.type == "status"] == [new]
        same = await told(address, f"/jobs/{job}/events", last_id=of_job, until=heard("heartbeat"))
        assert "reset" not in types(same)
        stranger = await told(address, f"/jobs/{job}/events", last_id=phantom, until=heard("status"))
        assert next(block.data for block in stranger if block.type == "reset") == {"reason": "unknown"}


async def test_an_open_stream_is_reset_when_its_database_is_promoted(
    primary: EmbeddedServer, folder: Path, start_server: StartServer
) -> None:
    standby = standby_of(primary, folder, start_server)
    sockets = [server.url.partition("host=")[2].partition("&")[0] for server in (primary, standby)]
    url = primary.url.replace(sockets[0], f"{sockets[0]},{sockets[1]}").replace("port=5432", "port=5432,5432")
    async with (
        serving(f"{url}&target_session_attrs=primary", JOBSTREAM_HEARTBEAT_SECONDS="3600") as address,
        connected(primary.url) as connection,
        asyncio.TaskGroup() as group,
    ):
        job = await enqueue(connection)
        await claim(connection)
        of_job = group.create_task(told(address, f"/jobs/{job}/events", until=heard("end")))
        seen: list[Block] = []
        of_all = group.create_task(
            told(address, "/events?from=earliest", until=heard("progress"), found=seen)
        )
        await eventually(lambda: types(seen).count("status") == 2)
        await promote(standby, after=connection)
        await asyncio.to_thread(primary.leave)
        async with connected(standby.url) as promoted:
            await eventually(lambda: "reset" in types(seen), 30)
            await call(promoted, "report_progress", job, 1, 1, 2)
            await call(promoted, "complete", job, 1)
    assert [block.data["status"] for block in of_job.result() if block.type == "status"] == [
        "pending",
        "running",
        "done",
    ]
    assert "reset" not in types(of_job.result())
    assert types(of_all.result())[:5] == ["hello", "status", "status", "reset", "progress"]
    assert seen[3].data == {"reason": "epoch"}
    assert stored(seen)[2] > stored(seen)[0] + APART


async def test_a_restored_database_is_not_served_before_its_events_are_rebased(
    primary: EmbeddedServer, folder: Path, start_server: StartServer
) -> None:
    async with connected(primary.url) as connection, serving(primary.url) as address:
        job = await enqueue(connection)
        [leased] = await claim(connection)
        await call(connection, "report_progress", job, leased["attempt"], 1, 2)
        of_all = position(await told(address, "/events?from=earliest", until=heard("progress")))
        of_job = position(await told(address, f"/jobs/{job}/events", until=heard("progress")))
        rows = await connection.fetch("select id from jobstream.job_events order by id")
    dump = folder / "dump"
    with dump.open("wb") as file:
        subprocess.run([primary.psql.with_name("pg_dump"), "-Fc", primary.url], stdout=file, check=True)
    copy = start_server(folder / "copy")
    roles = sql_folder() / "roles" / "roles.sql"
    subprocess.run([copy.psql, "-q", "-f", str(roles), copy.url], check=True)
    restore: list[str | Path] = [
        copy.psql.with_name("pg_restore"),
        "-d",
        copy.url,
        "--no-owner",
        "--no-privileges",
        str(dump),
    ]
    subprocess.run(restore, check=True)

    with Process("serve", "--port", "0", environ={"JOBSTREAM_DATABASE_URL": copy.url}) as refused:
        assert await refused.wait() != 0
        assert "jobstream migrate --rebase-events" in refused.output()
    with Process("migrate", "--rebase-events", environ={"JOBSTREAM_DATABASE_URL": copy.url}) as rebase:
        assert await rebase.wait() == 0, rebase.output()
        assert f"{len(rows)} events rebased" in rebase.output()

    async with serving(copy.url) as address, connected(copy.url) as connection:
        again = await told(address, "/events", last_id=of_all, until=heard("reset"))
        assert again[-1].data == {"reason": "epoch"}
        everything = await told(address, "/events?from=earliest", until=heard("progress"))
        assert stored(everything) == [row["id"] for row in rows]
        await call(connection, "complete", job, leased["attempt"])
        went_on = await told(address, "/events", last_id=position(again), until=heard("status"))
        assert stored(went_on)[0] > stored(everything)[-1] + APART
        rest = await told(address, f"/jobs/{job}/events", last_id=of_job, until=heard("end"))
        assert stored(rest) == stored(went_on)
