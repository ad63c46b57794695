"""Migrations on real databases: from nothing, again, two at once, printed."""

import asyncio
import re
import subprocess

import psycopg
import pytest

from jobstream.embedded import find_binaries
from jobstream.errors import DatabaseUnavailable
from jobstream.schema import MigrationFailed, check_schema, latest_version, migrate, migration_sql
from tests.support import Connect
from tests.support.databases import database_name, user_name, with_database
from tests.support.logins import Logins


def count(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


async def test_empty_database_gets_the_newest_version(empty_database_url: str, connect: Connect) -> None:
    done = await migrate(empty_database_url)
    assert (done.before, done.after) == (None, latest_version())
    connection = await connect(empty_database_url)
    assert await check_schema(connection) == "current"
    await connection.close()


async def test_second_migration_changes_nothing(empty_database_url: str) -> None:
    await migrate(empty_database_url)
    done = await migrate(empty_database_url)
    assert (done.before, done.after) == (latest_version(), latest_version())


async def test_two_that_migrate_at_once_end_with_one_schema(empty_database_url: str) -> None:
    done = await asyncio.gather(migrate(empty_database_url), migrate(empty_database_url))
    assert sorted(str(one.before) for one in done) == sorted(["None", latest_version()])


async def test_failed_migration_leaves_nothing_behind(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url) as connection:
        connection.execute("create schema jobstream; create table jobstream.job_events ()")
    with pytest.raises(MigrationFailed, match="job_events"):
        await migrate(empty_database_url)
    relations = "select count(*) from pg_class where relnamespace = 'jobstream'::regnamespace"
    assert count(empty_database_url, relations) == 1


async def test_schema_that_names_no_version_is_refused(separate_database_url: str) -> None:
    with psycopg.connect(separate_database_url) as connection:
        connection.execute("delete from jobstream.schema_version")
    with pytest.raises(MigrationFailed, match="names no version"):
        await migrate(separate_database_url)


async def test_printed_script_installs_and_notes_the_version(empty_database_url: str) -> None:
    psql = find_binaries().psql
    subprocess.run(
        [psql, empty_database_url, "-X", "-q", "-v", "ON_ERROR_STOP=1"],
        input=migration_sql(),
        check=True,
        capture_output=True,
        text=True,
    )
    done = await migrate(empty_database_url)
    assert (done.before, done.after) == (latest_version(), latest_version())


def test_without_roles_no_statement_names_one() -> None:
    script = re.sub(r"(?m)--.*$", "", migration_sql(roles=False))
    assert not re.search(r"\b(create role|grant)\b", script)
    assert "create role" in migration_sql(roles=True)


async def test_login_that_may_not_make_roles_migrates_without_them(
    empty_database_url: str, login: Logins
) -> None:
    url = login(database=empty_database_url)
    name, owner = database_name(url), user_name(url)
    with psycopg.connect(empty_database_url) as connection:
        connection.execute(f'alter database "{name}" owner to {owner}'.encode())
    done = await migrate(url, roles=False)
    assert done.after == latest_version()
    with psycopg.connect(empty_database_url) as connection:
        connection.execute(f'alter database "{name}" owner to current_user'.encode())
        connection.execute(f"drop owned by {owner}".encode())


async def test_unreachable_server_is_said_so() -> None:
    with pytest.raises(DatabaseUnavailable):
        await migrate("postgresql://nobody@127.0.0.1:1/none")


async def test_missing_database_is_said_so(empty_database_url: str) -> None:
    with pytest.raises(MigrationFailed, match="does not exist"):
        await migrate(with_database(empty_database_url, "jobstream_test_none"))
