"""Workers' rows: who is there, what they run, and which advisory lock stands for their life."""

from collections.abc import Sequence
from typing import Final

from jobstream.domain.worker import WorkerInfo
from jobstream.store.pool import Connection, Database

LOCK_CLASS: Final = 1785688947
"""First number of all advisory locks of a session; the second is the worker's, 0 is the maintenance's."""

LIVE_SECONDS: Final = 30

_REGISTER: Final = """
select jobstream.register_worker(
    $1::text, $2::text, $3::integer, $4::text, $5::text[], $6::text[], $7::integer
)
"""
_TOUCH: Final = "select jobstream.touch_worker($1::text, $2::integer, $3::real, $4::bigint)"
_LIST_LIVE: Final = f"""
select
    w.id, w.host, w.pid, w.version, w.queues, w.kinds, w.concurrency, w.running, w.cpu_percent, w.memory_bytes,
    w.started_at, w.seen_at as seen
from jobstream.workers as w
where w.seen_at > jobstream.clock() - interval '{LIVE_SECONDS} seconds'
order by w.id
"""


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
        number: int = await self._db.fetchval(
            _REGISTER, name, host, pid, version, list(queues), list(kinds), concurrency
        )
        return number

    async def detach(self, name: str) -> None:
        """Says that the worker's lock says nothing any more: its LISTEN connection is lost."""
        await self._db.fetch("select jobstream.detach_worker($1::text)", name)

    async def touch(
        self, name: str, *, running: int, cpu_percent: float | None = None, memory_bytes: int | None = None
    ) -> bool:
        """The worker lives. False: it is not known and must register again."""
        return bool(await self._db.fetchval(_TOUCH, name, running, cpu_percent, memory_bytes))

    async def remove(self, name: str) -> None:
        """The worker stopped cleanly."""
        await self._db.fetch("select jobstream.remove_worker($1::text)", name)

    async def list_live(self) -> list[WorkerInfo]:
        """The workers seen within 30 s, by id."""
        return [WorkerInfo(**row) for row in await self._db.fetch(_LIST_LIVE)]


async def try_attach(connection: Connection, name: str, number: int) -> bool:
    """Takes a worker's lock on the connection's session and says so in its row; False while another session has it.

    The session must be direct: behind PgBouncer in transaction mode it is everybody's.
    """
    if not await connection.fetchval("select pg_try_advisory_lock($1, $2)", LOCK_CLASS, number):
        return False
    await connection.execute("select jobstream.attach_worker($1::text)", name)
    return True


async def release(connection: Connection, number: int) -> None:
    """Gives a worker's lock back."""
    await connection.execute("select pg_advisory_unlock($1, $2)", LOCK_CLASS, number)
