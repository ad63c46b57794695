"""What clients have yet to get before they can go along with the hub: from its ring if it reaches back that far, else from
the table, a few at a time.

A process that starts anew is met by all its clients at once. Their reading must neither take every connection of the pool,
or no other request is answered, nor all the memory there is.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from jobstream.api.streams.places import Overloaded
from jobstream.api.streams.recent import Recent, Slice
from jobstream.api.streams.source import Place, interest, message
from jobstream.domain.cursor import Cursor
from jobstream.hub import Hub, Message
from jobstream.store.events import EventFilter, EventStore, JobPage, Reset

ROWS: Final = 500
BYTES: Final = 256 * 1024
"""What is read at a time for one client: a slow one holds it until it was sent."""
_LEAST_BYTES: Final = 16 * 1024
_ALL_BYTES: Final = 64 * 1024 * 1024
"""What all that catch up may hold together, while they are so few that each gets its least."""
PATIENCE: Final = 10.0


class Backfills:
    """Those of one process."""

    def __init__(
        self, *, events: EventStore, hub: Hub[Place], at_once: int, patience: float = PATIENCE
    ) -> None:
        """`at_once`: readings of the table at a time; who had to wait for `patience` seconds is refused."""
        self._events = events
        self._reads = asyncio.Semaphore(at_once)
        self._patience = patience
        self.recent = Recent(hub)
        self.open = 0
        """Streams that catch up just now."""
        self.reading = 0
        self.waiting = 0
        self.from_ring = 0
        self.from_table = 0

    @contextmanager
    def catching_up(self) -> Iterator[None]:
        """A stream catches up while inside."""
        self.open += 1
        try:
            yield
        finally:
            self.open -= 1

    async def step(self, cursor: Cursor, *, goal: Place, filter: EventFilter) -> Slice | Reset:
        """The next events after a cursor, as far as `goal` at most. Raises Overloaded."""
        found = self.recent.slice(
            cursor, upto=goal.cursor.seen, interest=interest(filter), limit=ROWS, max_bytes=self._bytes
        )
        if found is not None:
            self.from_ring += 1
            await self._events.keep(found.keep)
            return found
        async with self.turn():
            batch = await self._events.step(
                cursor, upto=goal.cursor.seen, filter=filter, limit=ROWS, max_bytes=self._bytes
            )
        self.from_table += 1
        if isinstance(batch, Reset):
            return batch
        told = [message(event, batch.tokens).shared for event in batch.events]
        return Slice(told, batch.cursor, batch.token, {})

    def job(self, job_id: str, position: int) -> list[Message] | None:
        """All that a client at one of a job's events is owed, if the ring has it."""
        found = self.recent.job(job_id, position)
        self.from_ring += found is not None
        return found

    async def job_page(self, job_id: str, *, after: int) -> JobPage:
        """Some of a job's events from the table. Raises Overloaded."""
        async with self.turn():
            self.from_table += 1
            return await self._events.job_page(job_id, after=after, limit=ROWS, max_bytes=self._bytes)

    @property
    def _bytes(self) -> int:
        return max(_LEAST_BYTES, min(BYTES, _ALL_BYTES // max(1, self.open)))

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """One of the few that may ask the database just now for the beginning of a stream. Raises Overloaded."""
        self.waiting += 1
        try:
            async with asyncio.timeout(self._patience):
                await self._reads.acquire()
        except TimeoutError as error:
            raise Overloaded from error
        finally:
            self.waiting -= 1
        self.reading += 1
        try:
            yield
        finally:
            self.reading -= 1
            self._reads.release()
