"""`jobstream psql`, and what it tells other processes about a password."""

import pytest

from jobstream.cli.psql import without_secret
from tests.cli.conftest import Command
from tests.support.require import require


def test_psql_finds_tables_without_the_schema_s_name(jobstream: Command) -> None:
    require("psql")
    made = jobstream("enqueue", "greet").out.strip()

    result = jobstream("psql", "-Atc", "select id, status from jobs")

    assert result.code == 0
    assert result.out.strip() == f"{made}|pending"


@pytest.mark.parametrize(
    ("url", "argument", "password"),
    [
        ("postgresql://ada:s%40cret@db:5432/jobs", "postgresql://ada@db:5432/jobs", "s@cret"),
        ("postgresql+asyncpg://ada@db/jobs", "postgresql://ada@db/jobs", None),
        ("postgresql:///jobs?host=/run", "postgresql:///jobs?host=/run", None),
        ("postgresql://u@/jobs?host=/a%20b&port=1", "postgresql://u@/jobs?host=/a%20b&port=1", None),
        ("postgresql://u:p@[::1]:1/j", "postgresql://u@[::1]:1/j", "p"),
    ],
)
def test_password_leaves_the_arguments(url: str, argument: str, password: str | None) -> None:
    assert without_secret(url) == (argument, password)
