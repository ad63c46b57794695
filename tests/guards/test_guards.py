"""The fixtures catch what they promise to catch."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETTINGS = f"[tool.pytest.ini_options]\nasyncio_mode = 'auto'\npythonpath = ['{ROOT}']\n"

TESTS = """
import asyncio

import asyncpg
import psycopg


async def test_that_leaves_a_connection(database_url):
    test_that_leaves_a_connection.left = await asyncpg.connect(database_url)


async def test_that_leaves_a_task():
    test_that_leaves_a_task.left = asyncio.create_task(asyncio.sleep(60))


def test_first(database_url):
    with psycopg.connect(database_url) as connection:
        connection.execute("select jobstream.enqueue('left-behind')")
        connection.execute("delete from jobstream.settings")
        connection.execute("create table jobstream.stray ()")

def test_second(database_url):
    with psycopg.connect(database_url) as connection:
        assert connection.execute("select count(*) from jobstream.jobs").fetchone() == (0,)
        assert connection.execute("select count(*) from jobstream.job_events").fetchone() == (0,)
        assert connection.execute("select count(*) from jobstream.settings").fetchone() > (0,)
        assert connection.execute("select to_regclass('jobstream.stray')").fetchone() == (None,)
        connection.execute("select jobstream.enqueue('left-behind')")
        connection.execute("update jobstream.settings set value = 'changed'")

def test_third(database_url):
    with psycopg.connect(database_url) as connection:
        assert connection.execute("select count(*) from jobstream.jobs").fetchone() == (0,)
        changed = connection.execute("select count(*) from jobstream.settings where value = 'changed'")
        assert changed.fetchone() == (0,)
"""


def test_what_a_test_leaves_behind_fails_it_and_reaches_no_other(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("from tests.conftest import *\n")
    pytester.makepyprojecttoml(SETTINGS)
    pytester.makepyfile(TESTS)
    ended = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider")
    assert ended.parseoutcomes() == {"passed": 5, "errors": 2}
    ended.stdout.fnmatch_lines_random(
        [
            "*connections that the test left open*",
            "*tasks that the test left running*",
        ]
    )
