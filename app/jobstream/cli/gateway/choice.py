"""Which gateway a command speaks through, by what is set.

The database's URL comes first, then the server's; without either, the embedded database of a running `jobstream dev`.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from jobstream.cli.exits import UsageFault
from jobstream.cli.gateway.base import Gateway
from jobstream.embedded import default_home, running_url
from jobstream.settings import Settings, load_settings

if TYPE_CHECKING:
    from jobstream.store.pool import Database


@asynccontextmanager
async def open_named_database() -> AsyncIterator["Database"]:
    """The database itself, for commands that HTTP does not offer. Raises UsageFault where none is named."""
    from jobstream.cli.gateway.database import open_database

    async with open_database(database_url(load_settings(os.environ))) as database:
        yield database


@asynccontextmanager
async def open_gateway() -> AsyncIterator[Gateway]:
    """The gateway that the environment names. Raises UsageFault where it names none."""
    settings = load_settings(os.environ)
    if settings.database_url is None and settings.url is not None:
        from jobstream.cli.gateway.http import HttpGateway

        async with HttpGateway(settings.url, token=settings.token) as over_http:
            yield over_http
        return
    from jobstream.cli.gateway.database import DatabaseGateway, open_database

    async with open_database(database_url(settings)) as database:
        yield DatabaseGateway(database)


def database_url(settings: Settings) -> str:
    """The database's URL: the one that is set, else that of a running `jobstream dev`. Raises UsageFault."""
    url = settings.database_url or running_url(default_home(os.environ))
    if url is not None:
        return url
    if settings.url is not None:
        raise UsageFault("this command needs the database itself: set JOBSTREAM_DATABASE_URL")
    raise UsageFault(
        "JOBSTREAM_DATABASE_URL is not set, and no `jobstream dev` runs here. Set it, "
        "or JOBSTREAM_URL (with JOBSTREAM_TOKEN) to reach a server over HTTP"
    )


def required_database_url(settings: Settings) -> str:
    """The database's URL for processes that must be told: never the embedded one. Raises UsageFault."""
    if settings.database_url is None:
        raise UsageFault(
            "JOBSTREAM_DATABASE_URL is not set: it names the database, as postgresql://user@host/name"
        )
    return settings.database_url
