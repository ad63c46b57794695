"""The stream of a bulk operation: its row whenever it changed. A state, not a history: there is nothing to resume."""

import asyncio
from contextlib import suppress
from typing import Any, Final

import msgspec

from jobstream.api.streams import blocks
from jobstream.api.streams.outlet import Outlet
from jobstream.domain.bulk import Bulk
from jobstream.errors import NotFound
from jobstream.store.bulk import BulkStore

_EVERY: Final = 0.5


def position_of(bulk: Bulk) -> str:
    """How far it is, as an `id`."""
    return f"{bulk.done + bulk.skipped}.{bulk.status}"


def bulk_page(bulk: Bulk, cursor: str | None) -> bytes:
    """The same as JSON: nothing for whoever has it already."""
    position = position_of(bulk)
    page: dict[str, Any] = {
        "items": [] if cursor == position else [bulk],
        "next_cursor": position,
        "reset": None,
        "complete": True,
    }
    return msgspec.json.encode(page)


class BulkStream:
    """What one client gets of one operation."""

    def __init__(self, *, store: BulkStore, bulk: Bulk, draining: asyncio.Event) -> None:
        """`bulk` as it was when the client came; the stream ends when the process is `draining`."""
        self._store = store
        self._bulk = bulk
        self._draining = draining

    async def __call__(self, outlet: Outlet) -> None:
        """Run to the end of the operation, of the stream's life, or of the client's."""
        await outlet.write([blocks.retry(), blocks.control("hello", {}, id=position_of(self._bulk))])
        await self._tell(outlet)
        while self._bulk.completed_at is None and not (outlet.over or self._draining.is_set()):
            with suppress(TimeoutError):
                async with asyncio.timeout(_EVERY):
                    await self._draining.wait()
            try:
                bulk = await self._store.get(self._bulk.id)
            except NotFound:
                break
            if bulk != self._bulk:
                self._bulk = bulk
                await self._tell(outlet)
            await outlet.heartbeat(position_of(bulk))
        if self._bulk.completed_at is not None:
            await outlet.control("end", {"reason": self._bulk.status}, id=position_of(self._bulk))

    async def _tell(self, outlet: Outlet) -> None:
        await outlet.control("bulk", self._bulk, id=position_of(self._bulk))
