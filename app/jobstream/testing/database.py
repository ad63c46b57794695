"""Databases for the tests of an application: one template with the schema a session, a clone of it for each test.

The server is the one of JOBSTREAM_TEST_DATABASE_URL, else an embedded PostgreSQL that the sessions of one user share:
there what a session that was killed left behind is dropped by the next.
"""

import os
import secrets
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from jobstream.embedded import EmbeddedServer
from jobstream.schema import migrate
from jobstream.store.pool import Database
from jobstream.testing.inline import in_own_loop

URL_VARIABLE: Final = "JOBSTREAM_TEST_DATABASE_URL"
_PREFIX: Final = "jobstream_testing_"
# Nothing of it has to outlive the machine.
_SETTINGS: Final = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "200",
}
_LEFT: Final = "select d.datname from pg_catalog.pg_database as d where starts_with(d.datname, $1::text)"


class TemporaryDatabases:
    """Makes and drops databases on one server. Blocks; may be called where an event loop runs."""

    def __init__(self, url: str) -> None:
        """`url` reaches a server on which databases may be made."""
        self._url = url
        self._own = f"{_PREFIX}{os.getpid()}_{secrets.token_hex(4)}_"
        self._count = 0

    def make_template(self, prepare: Callable[[str], object] | None = None) -> None:
        """A database with the schema, to be cloned; `prepare` adds to it what the application has of its own."""
        self._run(f'create database "{self._own}template"')
        url = self._url_of("template")
        in_own_loop(lambda: migrate(url))
        if prepare is not None:
            prepare(url)

    @contextmanager
    def clean(self) -> Iterator[str]:
        """The URL of a clone, dropped afterwards, connections that were left open or not."""
        self._count += 1
        name = f"{self._own}{self._count}"
        self._run(f'create database "{name}" template "{self._own}template"')
        try:
            yield self._url_of(str(self._count))
        finally:
            self._run(f'drop database "{name}" with (force)')

    def drop_left(self) -> None:
        """What sessions of processes that are gone left behind. Only where all who use the server are of this machine."""
        self._run(*(f'drop database if exists "{name}" with (force)' for name in self._left()))

    def drop_template(self) -> None:
        """The end of the session."""
        self._run(f'drop database if exists "{self._own}template" with (force)')

    def _url_of(self, suffix: str) -> str:
        return urlunsplit(urlsplit(self._url)._replace(path=f"/{self._own}{suffix}"))

    def _left(self) -> list[str]:
        """Databases of sessions whose process is gone."""

        async def read() -> list[str]:
            async with Database.connect(self._url, size=1) as db:
                return [row["datname"] for row in await db.fetch(_LEFT, _PREFIX)]

        names = in_own_loop(read)
        return [name for name in names if not _is_alive(name.removeprefix(_PREFIX).partition("_")[0])]

    def _run(self, *statements: str) -> None:
        async def run() -> None:
            async with Database.connect(self._url, size=1) as db:
                for statement in statements:
                    await db.fetch(statement)

        if statements:
            in_own_loop(run)


@contextmanager
def temporary_databases(prepare: Callable[[str], object] | None = None) -> Iterator[TemporaryDatabases]:
    """A session's databases, for those who use no pytest."""
    with ExitStack() as stack:
        url = os.environ.get(URL_VARIABLE)
        if url is None:
            databases = TemporaryDatabases(
                stack.enter_context(EmbeddedServer(home=_home(), settings=_SETTINGS)).url
            )
            databases.drop_left()
        else:
            databases = TemporaryDatabases(url)
        databases.make_template(prepare)
        stack.callback(databases.drop_template)
        yield databases


def _home() -> Path:
    """A folder of this user's own; another account must be able to pass through it where root runs the tests."""
    home = Path(tempfile.gettempdir()) / f"jobstream-testing-{os.geteuid()}"
    home.mkdir(mode=0o711, exist_ok=True)
    found = home.lstat()
    if found.st_uid != os.geteuid() or not stat.S_ISDIR(found.st_mode):
        raise RuntimeError(f"{home} belongs to somebody else: set {URL_VARIABLE}, or TMPDIR")
    return home


def _is_alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, ValueError):
        return True
    return True
