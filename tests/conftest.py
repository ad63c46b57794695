"""Fixtures that every test may use: a server, clean databases, connections, a clock. Nothing here is a mock."""

import asyncio
import inspect
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any

import asyncpg
import hypothesis
import pytest

from jobstream.store.pool import Database
from tests.support.clock import Clock
from tests.support.databases import Databases
from tests.support.logins import Logins
from tests.support.servers import container_url, embedded_url, session_folder
from tests.support.types import Connect, Connection

SESSION = "JOBSTREAM_TEST_SESSION"
TESTS = Path(__file__).parent
# What starts processes of ours, or walks through every route or pair of verbs, takes longer than `make test` may.
LONG = (
    "cli/",
    "client/",
    "embedded/",
    "examples/",
    "guards/",
    "maintenance/",
    "plans/",
    "process/",
    "streams/",
    "testing/",
    "worker/",
    "sql/test_rivals",
    "api/test_access_matrix",
    "api/test_cursors",
    "api/test_embedding",
    "api/test_fuzz",
    "api/test_openapi",
    "api/test_paging",
    "api/test_schemathesis",
    "api/test_security",
    "api/test_stream_life",
    "store/test_events",
)
_session = ExitStack()
# The fuzzers of tests/api with `--hypothesis-profile=full`: twelve thousand cases.
hypothesis.settings.register_profile("full", max_examples=2_000, deadline=None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--postgres", metavar="VERSION", help="run on this version of PostgreSQL in Docker")
    parser.addoption("--minutes", type=float, metavar="N", help="how long the storms of tests/process last")
    parser.addoption(
        "--full", action="store_true", help="as much as was promised where less will do every day"
    )
    parser.addoption("--cases", type=int, metavar="N", help="how many cases the fuzzers of tests/api try")
    parser.addoption("--seed", type=int, metavar="S", help="a storm's seed, to see the same one again")


def pytest_configure(config: pytest.Config) -> None:
    """Make the session's folder in the first process; processes that it starts inherit its name."""
    # A shell in the background ignores SIGINT, and what it starts inherits that: tests of Ctrl-C could not end.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):
        os.environ[SESSION] = str(_session.enter_context(session_folder()))


def pytest_unconfigure() -> None:
    _session.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        # Tests that a test of ours wrote and runs (guards/) lie outside this folder.
        if item.path.is_relative_to(TESTS) and item.path.relative_to(TESTS).as_posix().startswith(LONG):
            item.add_marker(pytest.mark.slow)
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            item.fixturenames.insert(0, "no_task_is_left")


@pytest.fixture
async def no_task_is_left() -> AsyncIterator[None]:
    """Fail the test that leaves a task behind."""
    yield
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, f"tasks that the test left running: {left}"


@pytest.fixture(scope="session")
def pg_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A PostgreSQL server: JOBSTREAM_TEST_DATABASE_URL, --postgres in Docker, else an embedded one."""
    version = request.config.getoption("--postgres")
    if version:
        with container_url(version) as url:
            yield url
    elif given := os.environ.get("JOBSTREAM_TEST_DATABASE_URL"):
        yield given
    else:
        with embedded_url(Path(os.environ[SESSION]), os.environ.get("JOBSTREAM_TEST_PG_BINDIR")) as url:
            yield url


@pytest.fixture(scope="session")
def databases(pg_url: str) -> Iterator[Databases]:
    """Makes and cleans this process's databases."""
    session = Path(os.environ[SESSION]).name.replace("-", "_").lower()
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    made = Databases(url=pg_url, session=session, worker=worker)
    yield made
    made.drop_all()
    if worker == "main":
        made.drop_template()


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    """A clean database with the schema. Connections that the test leaves open fail it."""
    url = databases.clean()
    yield url
    databases.check_connections(url)


@pytest.fixture
def separate_database_url(databases: Databases) -> Iterator[str]:
    """A database with the schema for this test alone: for tests that change the schema."""
    with databases.separate() as url:
        yield url
        databases.check_connections(url)


@pytest.fixture
def empty_database_url(databases: Databases) -> Iterator[str]:
    """A database with nothing in it."""
    with databases.separate(schema=False) as url:
        yield url
        databases.check_connections(url)


@pytest.fixture
async def connect(database_url: str) -> AsyncIterator[Connect]:
    """Open more connections: `await connect()`, or `await connect(url, **asyncpg's own)`; closed at the end."""
    async with AsyncExitStack() as stack:

        async def open_connection(url: str = database_url, **options: Any) -> Connection:
            connection: Connection = await asyncpg.connect(url, **options)
            stack.push_async_callback(connection.close)
            return connection

        yield open_connection


@pytest.fixture
async def conn(connect: Connect) -> Connection:
    """One connection of asyncpg, without codecs: jsonb is text."""
    return await connect()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The pool that the product uses."""
    async with Database.connect(database_url, size=5, application_name="tests") as opened:
        yield opened


@pytest.fixture
async def clock(connect: Connect) -> AsyncIterator[Clock]:
    """The database's clock, settable: `await clock.set(moment)`, `await clock.advance(seconds)`."""
    settable = Clock(await connect())
    await settable.install()
    yield settable
    await settable.restore()


@pytest.fixture
def login(database_url: str) -> Iterator[Logins]:
    """Make logins: `url = login("jobstream_produce")`; dropped at the end."""
    made = Logins(database_url)
    yield made
    made.drop()
