"""The schedules in a worker's code: written at its start, and said to be there for as long as it runs.

One that no live worker has in its code goes on making jobs: while a deploy is under way old and new code run side by side, so
only people know whether it is still wanted. They are told.
"""

import asyncio
import logging
from collections.abc import Iterable

from jobstream.domain.schedule import UNDECLARED_SECONDS, Schedule
from jobstream.errors import DatabaseUnavailable, JobStreamError
from jobstream.pacing import Wake, jittered
from jobstream.store.schedules import ScheduleStore

logger = logging.getLogger("jobstream.worker")


class Declarations:
    """Keeps the declared schedules known as declared."""

    def __init__(
        self, *, store: ScheduleStore, schedules: Iterable[Schedule], patience: float = UNDECLARED_SECONDS
    ) -> None:
        """`patience`: seconds that other workers have to declare theirs before this one tells what nobody declares."""
        self._store = store
        self._schedules = tuple(schedules)
        self._patience = patience
        self._told: set[str] = set()
        self._wake = Wake()
        self._closing = False
        self._loop = asyncio.get_running_loop()
        self._since = self._loop.time()

    async def declare(self) -> None:
        """Write them, where they differ from what is there."""
        for schedule in self._schedules:
            try:
                await self._store.declare(schedule)
            except JobStreamError as error:
                logger.warning("schedule %r could not be declared: %s", schedule.name, error)
        await self._renew()

    def close(self) -> None:
        """Let `run` return."""
        self._closing = True
        self._wake.ring()

    async def run(self) -> None:
        """Say now and then that they are in the code, until `close`."""
        while not self._closing:
            if not await self._wake.wait(jittered(UNDECLARED_SECONDS / 4)):
                await self._renew()

    async def run_once(self) -> None:
        """Say that they are in the code, and tell which ones nobody has there, each once."""
        undeclared = await self._store.renew([schedule.name for schedule in self._schedules])
        if self._loop.time() - self._since < self._patience:
            return
        if new := [name for name in undeclared if name not in self._told]:
            self._told.update(new)
            logger.warning(
                "no live worker has these schedules in its code, and they go on making jobs: %s. "
                "`jobstream schedules delete NAME` ends one",
                ", ".join(new),
            )

    async def _renew(self) -> None:
        try:
            await self.run_once()
        except DatabaseUnavailable:
            pass  # others say so, and the next time it is back
        except JobStreamError as error:
            if str(error) not in self._told:
                self._told.add(str(error))
                logger.warning("the schedules could not be looked at: %s", error)
