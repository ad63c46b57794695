"""A database to measure in: new, with the schema, dropped at the end.

On the server of JOBSTREAM_DATABASE_URL if that is set, else on an embedded one in a temporary folder, with settings as
`jobstream dev` has them (fsync on).
"""

import asyncio
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from jobstream.embedded import EmbeddedServer
from jobstream.schema import migrate

NO_CHECKPOINT = {"max_wal_size": "8GB", "checkpoint_timeout": "1h"}
"""Settings of the embedded server, where a checkpoint in the middle would blur what is compared."""


@contextmanager
def bench_database(settings: Mapping[str, str] | None = None) -> Iterator[str]:
    """The URL of a clean database with the schema. `settings` are the embedded server's own, beside the usual ones."""
    with bench_server(settings) as server, empty_database(server) as url:
        asyncio.run(migrate(url))
        yield url


@contextmanager
def bench_server(settings: Mapping[str, str] | None = None) -> Iterator[str]:
    """The URL of a server to make databases on."""
    with ExitStack() as stack:
        yield os.environ.get("JOBSTREAM_DATABASE_URL") or _embedded(stack, settings or {})


@contextmanager
def empty_database(server: str) -> Iterator[str]:
    """The URL of a database with nothing in it."""
    name = f"jobstream_bench_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    try:
        yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(server, autocommit=True) as admin:
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def _embedded(stack: ExitStack, settings: Mapping[str, str]) -> str:
    home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="jobstream-bench-")))
    home.chmod(0o755)  # for root the server runs as another account, which must get in
    return stack.enter_context(EmbeddedServer(home=home, settings=settings)).url
