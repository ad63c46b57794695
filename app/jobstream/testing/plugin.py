"""The pytest plugin: fixtures for applications that use jobstream. It is loaded by itself, and does nothing unless asked.

`jobstream_url` is a database with the schema, clean for each test; `jobstream_sync` a client on it for tests without an
event loop. Where an application has tables of its own, its conftest overrides `jobstream_prepare`.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from jobstream.client import SyncClient
    from jobstream.testing.database import TemporaryDatabases


@pytest.fixture(scope="session")
def jobstream_prepare() -> Callable[[str], object] | None:
    """Override it to return a function that is given the template's URL, once a session: for your own migrations."""
    return None


@pytest.fixture(scope="session")
def jobstream_databases(jobstream_prepare: Callable[[str], object] | None) -> Iterator["TemporaryDatabases"]:
    """The session's server: JOBSTREAM_TEST_DATABASE_URL, else an embedded one (`jobstream[embedded]`)."""
    from jobstream.testing.database import temporary_databases  # noqa: PLC0415 - only for those who ask

    with temporary_databases(jobstream_prepare) as databases:
        yield databases


@pytest.fixture
def jobstream_url(jobstream_databases: "TemporaryDatabases") -> Iterator[str]:
    """The URL of a database with the schema and no jobs, for this test alone."""
    with jobstream_databases.clean() as url:
        yield url


@pytest.fixture
def jobstream_sync(jobstream_url: str) -> Iterator["SyncClient"]:
    """A client on that database."""
    from jobstream.client import connect_sync  # noqa: PLC0415

    with connect_sync(jobstream_url) as client:
        yield client
