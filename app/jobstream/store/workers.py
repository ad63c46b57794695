"""Workers' rows: who is there, what they run, and which advisory lock stands for their life."""

from collections.abc import Sequence

from jobstream.domain.worker import WorkerInfo
from jobstream.store.pool import Database


class WorkerStore:
    """Register, touch, detach and remove a worker; list those that live."""

    def __init__(self, db: Database) -> None:
        """Statements run on `db`."""
        self._db = db

    async def register(
        self,
        name: str,
        *,
        host: str,
        pid: int,
        version: str,
        queues: Sequence[str],
        kinds: Sequence[str],
        concurrency: int,
    ) -> int:
        """Writes the worker's row and returns the number of its advisory lock (see `Listener.hold`)."""
        raise NotImplementedError

    async def detach(self, name: str) -> None:
        """Says that the worker's lock says nothing any more: its LISTEN connection is lost."""
        raise NotImplementedError

    async def touch(
        self, name: str, *, running: int, cpu_percent: float | None = None, memory_bytes: int | None = None
    ) -> bool:
        """The worker lives. False: it is not known and must register again."""
        raise NotImplementedError

    async def remove(self, name: str) -> None:
        """The worker stopped cleanly."""
        raise NotImplementedError

    async def list_live(self) -> list[WorkerInfo]:
        """The workers seen within 30 s, by id."""
        raise NotImplementedError
