"""What one embedded server is: durable, private, reachable, moved by a folder."""

import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from jobstream.embedded import Binaries, EmbeddedPostgresError, EmbeddedServer, default_home, find_binaries
from jobstream.embedded.binaries import installation
from tests.embedded.conftest import new_home

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another account")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def show(url: str, setting: str) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute(f"show {setting}").fetchone()
    assert row is not None
    return str(row[0])


@pytest.fixture(scope="module")
def running() -> Iterator[EmbeddedServer]:
    """One server for the tests that only look at it."""
    with new_home() as home, EmbeddedServer(home=home) as server:
        yield server


def test_server_keeps_what_it_commits(running: EmbeddedServer) -> None:
    kept = {name: show(running.url, name) for name in ("fsync", "full_page_writes", "synchronous_commit")}
    assert kept == {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}


def test_data_outlives_the_server(home: Path) -> None:
    with EmbeddedServer(home=home) as server, psycopg.connect(server.url) as connection:
        connection.execute("create table kept ()")
    with EmbeddedServer(home=home) as server, psycopg.connect(server.url) as connection:
        assert connection.execute("select count(*) from kept").fetchone() == (0,)


def test_folder_is_named_by_the_major_version(running: EmbeddedServer) -> None:
    data = Path(show(running.url, "data_directory"))
    major = show(running.url, "server_version").partition(".")[0]
    assert data.parent.name == f"postgres-{major}"


def test_socket_is_in_a_folder_that_others_cannot_enter(running: EmbeddedServer) -> None:
    assert mode(Path(show(running.url, "unix_socket_directories"))) == 0o700
    assert show(running.url, "listen_addresses") == ""
    assert running.tcp_url is None


def test_modes_of_folders_that_were_there_stay(empty_home: Path) -> None:
    before = [mode(path) for path in (empty_home, *empty_home.parents)]
    with EmbeddedServer(home=empty_home / "deeper" / "still"):
        pass
    assert [mode(path) for path in (empty_home, *empty_home.parents)] == before


def test_tcp_is_loopback_with_a_generated_password(home: Path) -> None:
    with EmbeddedServer(home=home, tcp=True) as server:
        assert server.tcp_url is not None
        assert show(server.tcp_url, "listen_addresses") == "127.0.0.1"
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(server.tcp_url.replace("postgres:", "postgres:wrong"))
        first = server.tcp_url
    with EmbeddedServer(home=home, tcp=True) as server:
        assert server.tcp_url == first


def test_long_folder_gets_its_socket_elsewhere(empty_home: Path) -> None:
    long = empty_home / ("d" * 120)
    with EmbeddedServer(home=long) as server:
        assert show(server.url, "server_version")
        socket = Path(show(server.url, "unix_socket_directories"))
        assert mode(socket) == 0o700
    shutil.rmtree(socket)


def test_unfinished_initdb_is_begun_anew(empty_home: Path) -> None:
    left = empty_home / "postgres-18" / "data.new-1"
    left.mkdir(parents=True)
    (left / "PG_VERSION").write_text("18\n")
    empty_home.chmod(0o711)
    with EmbeddedServer(home=empty_home) as server:
        assert show(server.url, "server_version")


def test_psql_comes_with_it(running: EmbeddedServer) -> None:
    asked = (str(running.psql), running.url, "-XAtc", "select current_database()")
    assert subprocess.run(asked, check=True, capture_output=True).stdout == b"jobstream\n"


def test_failed_start_says_what_the_server_said(home: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="no_such_setting"):
        EmbeddedServer(home=home, settings={"no_such_setting": "1"}).enter()


def test_missing_programs_are_named(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="postgres does not run here"):
        find_binaries(tmp_path)


@as_root
def test_root_is_told_of_a_folder_that_the_account_cannot_reach(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with pytest.raises(EmbeddedPostgresError, match=r"cannot reach .* choose a folder such as"):
        EmbeddedServer(home=tmp_path / "home").enter()
    assert mode(tmp_path) == 0o700


@as_root
def test_root_runs_a_copy_of_programs_that_the_account_cannot_reach(home: Path, tmp_path: Path) -> None:
    given = find_binaries()
    first, *others = installation(given)
    for source in (first, *others):
        shutil.copytree(source, tmp_path / source.name, symlinks=True)
    private = Binaries(folder=tmp_path / given.folder.relative_to(first.parent), version=given.version)
    tmp_path.chmod(0o700)
    with EmbeddedServer(home=home, binaries=private) as server:
        assert show(server.url, "server_version")
        assert server.psql.is_relative_to(home)
    assert mode(tmp_path) == 0o700


def test_home_follows_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("HOME", "/home/ann")
    assert default_home({}) == Path("/home/ann/.local/share/jobstream")
    assert default_home({"XDG_DATA_HOME": "/data"}) == Path("/data/jobstream")
    assert default_home({"XDG_DATA_HOME": "relative"}) == Path("/home/ann/.local/share/jobstream")
    assert default_home({"JOBSTREAM_DATA_DIR": "~/js"}) == Path("/home/ann/js")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert default_home({}) == Path("/var/lib/jobstream")
