"""Knowing, while a request waits, that its client has hung up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jobstream.api.beside import beside
from jobstream.api.dependencies import AnyRequest


@asynccontextmanager
async def hang_up(request: AnyRequest) -> AsyncIterator[asyncio.Event]:
    """An event that is set when the client hangs up. Nothing is cancelled: what is done by then must be undone."""
    await request.body()  # so that all that can still be received is the disconnect
    gone = asyncio.Event()
    async with beside(_watch(request, gone)):
        yield gone


async def _watch(request: AnyRequest, gone: asyncio.Event) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    gone.set()
