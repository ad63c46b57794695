"""Servers: the whole application on a real socket, in this process, or as processes of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from typing import Protocol

import httpx
import pytest
from litestar import Litestar

from jobstream.api import Services, app_for, running
from jobstream.api.server import Server, bind
from jobstream.settings import Settings
from tests.api.support import Api


class Serve(Protocol):
    """Starts another server: `await serve(auth="token")`."""

    async def __call__(self, **settings: object) -> Api: ...


_apps: dict[tuple[str, ...], Litestar] = {}


def _app_for(services: Services) -> Litestar:
    """Building an application takes a tenth of a second; all that a test's has of its own are its services."""
    origins = services.settings.cors_origins
    if origins not in _apps:
        _apps[origins] = app_for(services)
    app = _apps[origins]
    app.state.jobstream = services
    return app


@asynccontextmanager
async def serving(settings: Settings, *, port: int = 0) -> AsyncIterator[tuple[Services, str]]:
    """The server of `jobstream serve`, within this event loop."""
    with closing(bind(settings.host, port)) as listening:
        host, port = listening.getsockname()[:2]
        async with running(settings) as services, asyncio.TaskGroup() as tasks:
            started = asyncio.Event()
            server = Server(services, app=_app_for(services), announce=started.set)
            task = tasks.create_task(server._serve([listening]))
            await started.wait()
            try:
                yield services, f"http://{host}:{port}"
            finally:
                services.drain()
                server.should_exit = True
                await task


@pytest.fixture
async def serve(database_url: str) -> AsyncIterator[Serve]:
    """Start servers on the test's database; they end with the test."""
    async with AsyncExitStack() as stack:

        async def start(**settings: object) -> Api:
            chosen = {"auth": "off", "drain_seconds": 0.2, "pool_size": 4, **settings}
            services, address = await stack.enter_async_context(
                serving(Settings(database_url=database_url, **chosen))  # type: ignore[arg-type]
            )
            http = await stack.enter_async_context(httpx.AsyncClient(base_url=address, timeout=15))
            return Api(http=http, services=services, address=address)

        yield start


@pytest.fixture
async def api(serve: Serve) -> Api:
    """A server with auth off, and a client of it."""
    return await serve()
