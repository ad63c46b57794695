"""The database's own duties, and who does them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from jobstream.store.pool import Database


class MaintenanceStore:
    """Runs `jobstream.maintain()` and says whether this process is the one to run it."""

    def __init__(self, db: Database) -> None:
        """Statements run on `db`."""
        self._db = db

    async def maintain(self) -> datetime | None:
        """Does what is due and returns when the next is, if that is known. Safe from any number of callers."""
        raise NotImplementedError

    async def maintain_for(self) -> float | None:
        """As `maintain`, but the seconds until the next is due, by the database's clock; 0 for due now."""
        raise NotImplementedError

    @asynccontextmanager
    async def try_lead(self) -> AsyncIterator[bool]:
        """Whether this process leads while inside: one session of all holds the lock.

        The lock goes with its connection; `leads()` asks whether it is still held.
        """
        raise NotImplementedError
        yield
