"""Connections, errors and repeated statements."""

import asyncio

import asyncpg
import pytest

from jobstream import errors
from jobstream.store.pool import Database, plain_url
from jobstream.store.sqlstates import error_class
from tests.support.network import free_port
from tests.support.types import Connection
from tests.support.waiting import eventually


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("JS400", errors.InvalidArgument),
        ("JS404", errors.NotFound),
        ("JS409", errors.Conflict),
        ("JS410", errors.LeaseLost),
        ("JS422", errors.KeyReused),
        ("JS423", errors.KeyBusy),
        ("22P05", errors.InvalidArgument),
        ("54001", errors.InvalidArgument),
        ("57P01", errors.DatabaseUnavailable),
        ("08006", errors.DatabaseUnavailable),
        ("53300", errors.DatabaseUnavailable),
        ("25006", errors.DatabaseUnavailable),
        ("40P01", errors.DatabaseUnavailable),
        ("42P01", errors.SchemaOutdated),
        ("42501", errors.Forbidden),
        ("23505", None),
        ("XX000", None),
        (None, None),
    ],
)
def test_a_state_stands_for_an_error(state: str | None, expected: type[errors.JobStreamError] | None) -> None:
    assert error_class(state) is expected


async def test_a_refusal_of_the_database_carries_its_sentence_and_its_detail(database: Database) -> None:
    with pytest.raises(errors.KeyReused) as caught:
        await database.fetch(
            """select jobstream.refuse('JS422', 'used before', '{"ordinal": 4, "field": "f", "id": "x"}')"""
        )
    assert caught.value.message == "used before"
    assert caught.value.detail == errors.ErrorDetail(ordinal=4, field="f", id="x")


async def test_a_fault_of_ours_is_not_dressed_up(database: Database) -> None:
    with pytest.raises(asyncpg.PostgresSyntaxError):
        await database.fetch("selec")


async def test_a_missing_schema_is_told(empty_database_url: str) -> None:
    async with Database.connect(empty_database_url) as database:
        with pytest.raises(errors.SchemaOutdated):
            await database.fetch("select jobstream.clock()")


async def test_a_server_that_is_not_there() -> None:
    with pytest.raises(errors.DatabaseUnavailable):
        async with Database.connect(f"postgresql://x@127.0.0.1:{free_port()}/x"):
            pass


async def test_a_killed_backend_fails_one_statement_and_no_more(database: Database) -> None:
    with pytest.raises(errors.DatabaseUnavailable):
        await database.fetch("select pg_terminate_backend(pg_backend_pid())")
    await database.ping()


async def test_the_victim_of_a_deadlock_goes_again(database: Database, conn: Connection) -> None:
    await conn.execute("create temp sequence tries; select 1")
    await database.fetch("create sequence public.tries")
    try:
        await database.fetch(
            """
            do $$ begin
                if nextval('public.tries') < 3 then raise exception using errcode = '40P01'; end if;
            end $$
            """
        )
        assert await database.fetchval("select last_value from public.tries") == 3
    finally:
        await database.fetch("drop sequence public.tries")


async def test_on_a_caller_s_connection_nothing_is_repeated(database: Database, conn: Connection) -> None:
    with pytest.raises(errors.DatabaseUnavailable):
        await database.fetch("do $$ begin raise exception using errcode = '40001'; end $$", connection=conn)


async def test_a_pool_is_as_large_as_said(database_url: str, conn: Connection) -> None:
    async with Database.connect(database_url, size=3, application_name="sized") as database:
        async with asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(database.fetch("select pg_sleep(0.01)"))
        count = "select count(*) from pg_stat_activity where application_name = 'sized'"
        assert await conn.fetchval(count) == 3

    async def gone() -> bool:
        return bool(await conn.fetchval(count) == 0)

    await eventually(gone)


async def test_indirectly_nothing_is_prepared_by_name(database_url: str) -> None:
    async with Database.connect(database_url, size=1, is_direct=False) as database:
        await database.fetch("select $1::int", 1)
        async with database.acquire() as connection:
            assert (
                await connection.fetchval("select count(*) from pg_prepared_statements where name <> ''") == 0
            )


def test_a_driver_in_the_url_is_dropped() -> None:
    assert plain_url("postgresql+asyncpg://u:p+q@h/d?x=1") == "postgresql://u:p+q@h/d?x=1"
    assert plain_url("postgres://h/d") == "postgres://h/d"
