"""`Maintenance`: stands for the lead, and while it leads runs the database's duties when they are due."""

import asyncio
import logging
from typing import Self

from msgspec import Struct

from jobstream.errors import DatabaseUnavailable, Forbidden
from jobstream.maintenance.schedules import Schedules
from jobstream.pacing import Patience, Wake, jittered
from jobstream.store.maintenance import Lead, MaintenanceStore
from jobstream.store.pool import Database
from jobstream.store.schedules import ScheduleStore

logger = logging.getLogger("jobstream.maintenance")

STANDBY_SECONDS = 0.5
"""How often those who stand by ask for the lead: what a leader's death costs at most. A lost worker's jobs are free after
3 s without its lock, which only a leader notices, and all of it has to fit into 6 s."""

MAX_PAUSE = 1.0
"""A lost worker is noticed, and a job held by an open transaction let through, within this time. The lead is lost by a
silence of two seconds (see `MaintenanceStore.try_lead`)."""

MIN_PAUSE = 0.02
SHARE = 0.1
"""The most of the time that the duties may take while the bell rings all the time. Where they say that there is more they
go on at once."""
MAX_REST = 0.25
"""The longest rest after a long run, seconds: once a minute the duties keep house, and rescue must not wait for that."""


class Pause(Struct, frozen=True, kw_only=True):
    """How long to leave the database alone (`least`), and until when to wait for the bell (`most`). In seconds."""

    least: float
    most: float


class Maintenance:
    """Does what is due in the database, one process at a time. Cancel `run` to stop."""

    def __init__(
        self,
        *,
        store: MaintenanceStore,
        schedules: Schedules | None = None,
        event_retention_days: int | None = None,
    ) -> None:
        """Whoever hears of events rings `bell`; without it the duties run once a second.

        `event_retention_days` is written into the database once, before anything else; None leaves what is there.
        """
        self._store = store
        self._schedules = schedules
        self._event_retention_days = event_retention_days
        self._schedules_at = 0.0
        self._wake = Wake()
        self._patience = Patience()
        self._loop = asyncio.get_running_loop()
        self.leads = False
        """Whether this process is the one."""

    @classmethod
    def over(cls, database: Database, *, event_retention_days: int | None = None) -> Self:
        """All duties, schedules included, in that database."""
        return cls(
            store=MaintenanceStore(database),
            schedules=Schedules(store=ScheduleStore(database)),
            event_retention_days=event_retention_days,
        )

    def bell(self, _payload: str = "") -> None:
        """Something happened in the database: a job may have become ready to go on."""
        self._wake.ring()

    async def run(self) -> None:
        """Stand by, lead, and stand by again, until cancelled. Waits out a database that is away."""
        while True:
            try:
                await self._set_event_retention()
                await self._stand()
            except Exception as error:
                pause = self._patience.failed()
                known = isinstance(error, DatabaseUnavailable)
                logger.warning(
                    "maintenance waits %.1f s: %s", pause, error, exc_info=None if known else error
                )
                await asyncio.sleep(pause)

    async def run_once(self, lead: Lead | None = None) -> Pause:
        """Do what is due, leading or not, and say when to do it again."""
        started = self._loop.time()
        await self._enqueue_scheduled(started)
        due = await (lead or self._store).maintain_for()
        took = self._loop.time() - started
        self._patience.succeeded()
        if due is not None and due <= 0:
            return Pause(least=0.0, most=0.0)
        least = min(max(MIN_PAUSE, took / SHARE), MAX_REST)
        until = min(MAX_PAUSE if due is None else due, self._schedules_at - self._loop.time(), MAX_PAUSE)
        return Pause(least=least, most=max(least, until))

    async def _enqueue_scheduled(self, now: float) -> None:
        if self._schedules is not None and now >= self._schedules_at:
            seconds = await self._schedules.run_once()
            self._schedules_at = self._loop.time() + min(MAX_PAUSE if seconds is None else seconds, MAX_PAUSE)

    async def _set_event_retention(self) -> None:
        if self._event_retention_days is None:
            return
        try:
            await self._store.keep_events(self._event_retention_days)
        except Forbidden:
            logger.warning(
                "JOBSTREAM_EVENT_RETENTION_DAYS has no effect: it takes the role jobstream_operate"
            )
        self._event_retention_days = None

    async def _stand(self) -> None:
        async with self._store.try_lead() as lead:
            if lead is not None:
                await self._lead(lead)
        await asyncio.sleep(jittered(STANDBY_SECONDS))

    async def _lead(self, lead: Lead) -> None:
        """Until the lead is lost with its connection, which raises."""
        self.leads = True
        try:
            while True:
                pause = await self.run_once(lead)
                await asyncio.sleep(pause.least)
                await self._wake.wait(pause.most - pause.least)
        finally:
            self.leads = False
