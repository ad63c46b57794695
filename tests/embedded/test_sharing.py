"""Who keeps the server up, with real processes that are killed."""

import os
import re
import signal
import sys
from pathlib import Path

import psycopg
import pytest

from jobstream.embedded import EmbeddedPostgresError, EmbeddedServer, remove_data, running_url
from jobstream.embedded.postmaster import is_postmaster
from tests.support import Process, eventually

USER = """
import signal, sys
from pathlib import Path
from jobstream.embedded import EmbeddedServer
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
with EmbeddedServer(home=Path(sys.argv[1])) as server:
    print("server", server.pid, flush=True)
    signal.sigwait({signal.SIGTERM})
"""


def user(home: Path) -> Process:
    return Process(str(home), command=(sys.executable, "-c", USER))


def runs(pid: int, home: Path) -> bool:
    """Whether it is a server still: one that ended may stay in the process table until somebody asks for it."""
    return is_postmaster(pid, home)


async def server_pid(process: Process) -> int:
    return int((await process.printed(r"server (\d+)")).group(1))


async def test_processes_that_come_at_once_share_one_server(empty_home: Path) -> None:
    with user(empty_home) as first, user(empty_home) as second, user(empty_home) as third:
        pids = {await server_pid(process) for process in (first, second, third)}
        assert len(pids) == 1


async def test_last_one_out_stops_the_server(home: Path) -> None:
    with user(home) as first, user(home) as second:
        pid = await server_pid(first)
        await server_pid(second)
        await first.stop()
        assert runs(pid, home)
        await second.stop()
        assert not runs(pid, home)
        assert running_url(home) is None


async def test_killed_user_does_not_keep_the_server_up(home: Path) -> None:
    with user(home) as killed, user(home) as other:
        pid = await server_pid(killed)
        await server_pid(other)
        killed.kill()
        await other.stop()
        assert not runs(pid, home)


async def test_server_left_by_a_killed_user_is_taken_over(home: Path) -> None:
    with user(home) as killed:
        pid = await server_pid(killed)
        killed.kill()
    assert runs(pid, home)
    with EmbeddedServer(home=home) as server:
        assert server.pid == pid
    assert not runs(pid, home)


async def test_killed_server_comes_back_with_all_that_was_committed(home: Path) -> None:
    with EmbeddedServer(home=home) as server:
        with psycopg.connect(server.url) as connection:
            connection.execute("create table kept as select generate_series(1, 100000) as n")
        killed = server.pid
        with psycopg.connect(server.url):
            os.kill(killed, signal.SIGKILL)
            await eventually(lambda: not runs(killed, home))
        with EmbeddedServer(home=home) as next_one, psycopg.connect(next_one.url) as connection:
            assert connection.execute("select count(*) from kept").fetchone() == (100_000,)
            assert next_one.pid != killed


async def test_user_of_a_killed_server_can_start_it_again(home: Path) -> None:
    with EmbeddedServer(home=home) as server:
        os.kill(server.pid, signal.SIGKILL)
        killed = server.pid
        await eventually(lambda: not runs(killed, home))
        server.enter()
        with psycopg.connect(server.url) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
        pid = server.pid
    assert not runs(pid, home)


async def test_killed_while_the_server_starts_leaves_a_usable_folder(empty_home: Path) -> None:
    with user(empty_home) as killed:
        await eventually(lambda: (empty_home / "postgres-18").exists() or killed.output())
        killed.kill()
    with EmbeddedServer(home=empty_home) as server, psycopg.connect(server.url) as connection:
        assert connection.execute("select current_database()").fetchone() == ("jobstream",)


def test_process_id_that_now_is_another_program_does_not_stop_a_start(home: Path) -> None:
    with EmbeddedServer(home=home):
        data = home / "postgres-18" / "data"
        lines = (data / "postmaster.pid").read_text().splitlines()
        owner = data.stat()
    (data / "postmaster.pid").write_text("\n".join([str(os.getppid()), *lines[1:]]) + "\n")
    os.chown(data / "postmaster.pid", owner.st_uid, owner.st_gid)
    with EmbeddedServer(home=home) as server:
        assert server.pid != os.getppid()


async def test_address_is_found_beside_a_running_user_only(empty_home: Path) -> None:
    assert running_url(empty_home) is None
    with EmbeddedServer(home=empty_home) as server:
        assert running_url(empty_home) == server.url
    assert running_url(empty_home) is None


async def test_tcp_is_refused_to_the_second_while_the_first_runs_without_it(home: Path) -> None:
    with user(home) as first:
        await server_pid(first)
        with pytest.raises(
            EmbeddedPostgresError, match=rf"without TCP, for process {re.escape(str(first.pid))}"
        ):
            EmbeddedServer(home=home, tcp=True).enter()
        first.kill()
    with EmbeddedServer(home=home, tcp=True) as server:
        assert server.tcp_url is not None


async def test_data_is_removed_only_when_nobody_uses_it(home: Path) -> None:
    with EmbeddedServer(home=home), pytest.raises(EmbeddedPostgresError, match="in use by 1 process"):
        remove_data(home)
    removed = remove_data(home)
    assert removed is not None
    assert not removed.exists()
    assert remove_data(home) is None
