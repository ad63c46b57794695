"""How a database's version stands to the code's."""

import pytest

from jobstream.errors import SchemaOutdated
from jobstream.schema import SchemaState, check_schema, compare, latest_version
from tests.support import Connect


def test_no_version_is_missing_and_an_unknown_one_is_ahead() -> None:
    assert compare(None) is SchemaState.MISSING
    assert compare(latest_version()) is SchemaState.CURRENT
    assert compare("9999") is SchemaState.AHEAD


async def test_empty_database_must_be_migrated_first(empty_database_url: str, connect: Connect) -> None:
    connection = await connect(empty_database_url)
    with pytest.raises(SchemaOutdated, match="run `jobstream migrate`"):
        await check_schema(connection)
    await connection.close()


async def test_newer_database_serves_older_code(separate_database_url: str, connect: Connect) -> None:
    connection = await connect(separate_database_url)
    await connection.execute("update jobstream.schema_version set version_num = '9999'")
    assert await check_schema(connection) is SchemaState.AHEAD
    await connection.close()
