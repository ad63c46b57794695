"""The fixtures catch what they promise to catch."""

from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

LEAVES_A_CONNECTION = """
import asyncpg

async def test_it(database_url):
    test_it.left = await asyncpg.connect(database_url)
"""
LEAVES_A_TASK = """
import asyncio

async def test_it():
    test_it.left = asyncio.create_task(asyncio.sleep(60))
"""
CHANGES_THINGS = """
import psycopg

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


Outcomes = Callable[[str], dict[str, int]]


@pytest.fixture
def outcomes(pytester: pytest.Pytester) -> Outcomes:
    """Run one test file with our fixtures and count how its tests ended."""
    pytester.makeconftest("from tests.conftest import *\n")
    settings = f"asyncio_mode = 'auto'\npythonpath = ['{ROOT}']\n"
    pytester.makepyprojecttoml(f"[tool.pytest.ini_options]\n{settings}")

    def run(source: str) -> dict[str, int]:
        pytester.makepyfile(source)
        return pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider").parseoutcomes()

    return run


def test_connection_left_open_fails_its_test(outcomes: Outcomes) -> None:
    assert outcomes(LEAVES_A_CONNECTION) == {"passed": 1, "errors": 1}


def test_task_left_running_fails_its_test(outcomes: Outcomes) -> None:
    assert outcomes(LEAVES_A_TASK) == {"passed": 1, "errors": 1}


def test_each_test_finds_the_database_as_it_was_made(outcomes: Outcomes) -> None:
    assert outcomes(CHANGES_THINGS) == {"passed": 3}
