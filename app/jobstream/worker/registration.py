"""A worker's row: who it is, and the lock by which the database sees at once that it has died.

The lock is held by the session of the LISTEN connection. While that is lost the lock says nothing, and the row must say
so, at once and through another connection; else the worker's jobs would be taken for those of a dead one.
"""

import logging
import os
import secrets
import socket
from collections.abc import Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING

from jobstream.errors import DatabaseUnavailable
from jobstream.pacing import Patience, Wake
from jobstream.store.listener import Listener
from jobstream.store.workers import WorkerStore

if TYPE_CHECKING:
    from jobstream.worker.heartbeat import Usage

logger = logging.getLogger("jobstream.worker")


def new_worker_name() -> str:
    """A name for people that no other worker has: host, process, and some letters of chance."""
    return f"{socket.gethostname()[:60]}:{os.getpid()}:{secrets.token_hex(3)}"


class Registration:
    """Keeps the worker's row true: registered, attached to its lock, seen, and gone at the end."""

    def __init__(
        self,
        *,
        workers: WorkerStore,
        listener: Listener,
        name: str,
        queues: Sequence[str],
        kinds: Sequence[str],
        concurrency: int,
    ) -> None:
        """`listener` is run by somebody else."""
        self._workers = workers
        self._listener = listener
        self._name = name
        self._queues = queues
        self._kinds = kinds
        self._concurrency = concurrency
        self._wake = Wake()
        self._lost = False
        self._stopping = False
        self._closing = False

    async def register(self) -> None:
        """Write the row and take its lock, now or as soon as the listener is connected."""
        number = await self._workers.register(
            self._name,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=version("jobstream"),
            queues=self._queues,
            kinds=self._kinds,
            concurrency=self._concurrency,
        )
        await self._listener.hold(self._name, number)

    async def register_patiently(self) -> None:
        """Register, waiting for a database that is away."""
        patience = Patience()
        while True:
            try:
                return await self.register()
            except DatabaseUnavailable as error:
                pause = patience.failed()
                logger.warning("the worker cannot register, next try in %.1f s: %s", pause, error)
                await self._wake.wait(pause)
                if self._stopping:
                    return

    def stop_trying(self) -> None:
        """The worker is to stop: `register_patiently` has nothing to wait for."""
        self._stopping = True
        self._wake.ring()

    async def touch(self, *, running: int, usage: "Usage") -> None:
        """Say that the worker lives."""
        known = await self._workers.touch(
            self._name,
            running=running,
            cpu_percent=usage.cpu_percent(),
            memory_bytes=usage.memory_bytes(),
        )
        if not known:
            await self.register()

    def connection_lost(self) -> None:
        """The listener's connection is gone, and the lock with it."""
        self._lost = True
        self._wake.ring()

    def close(self) -> None:
        """Let `run` return."""
        self._closing = True
        self._wake.ring()

    async def run(self) -> None:
        """Withdraw the lock's word each time that the connection is lost, until `close`."""
        patience = Patience()
        while not self._closing:
            await self._wake.wait()
            try:
                await self.run_once()
                patience.succeeded()
            except DatabaseUnavailable:
                # No rescuer can reach the database either; but it may be back before the listener is.
                if await self._wake.wait(patience.failed()):
                    self._wake.ring()

    async def run_once(self) -> None:
        """Withdraw the lock's word if its connection was lost and is not back."""
        if self._lost and not self._listener.connected:
            await self._withdraw()
        self._lost = False

    async def _withdraw(self) -> None:
        await self._workers.detach(self._name)
        if self._listener.connected:
            # It came back meanwhile, and which of the two the database heard last nobody knows.
            self._listener.attach_again()

    async def remove(self) -> None:
        """The worker has stopped: nothing of it is left."""
        await self._listener.let_go()
        try:
            await self._workers.remove(self._name)
        except DatabaseUnavailable as error:
            logger.warning("the worker's row could not be removed: %s", error)
