"""Turns due times into jobs. The time is the database's; what is due twice is made once, by the database."""

import logging

from jobstream.errors import DatabaseUnavailable, JobStreamError
from jobstream.maintenance.cron import plan
from jobstream.store.schedules import ScheduleStore

logger = logging.getLogger("jobstream.maintenance")


class Schedules:
    """The duty that wants cron expressions read, and so is done in Python."""

    def __init__(self, *, store: ScheduleStore) -> None:
        """Reads and fires through `store`."""
        self._store = store

    async def run_once(self) -> float | None:
        """Make the jobs that are due; seconds until the next is, None if no schedule is there."""
        for schedule in await self._store.due():
            planned = plan(schedule)
            if planned.error is not None:
                logger.warning("schedule %r makes no jobs: %s", schedule.name, planned.error)
            try:
                # Each notes the one after it, so that nothing is skipped if this process dies in between.
                following = (*planned.runs[1:], planned.next_at)
                for due_at, next_at in zip(planned.runs, following, strict=False):
                    await self._store.fire(schedule.name, due_at, next_at)
                if not planned.runs:
                    await self._store.defer(schedule.name, planned.next_at, planned.error)
            except DatabaseUnavailable:
                raise
            except JobStreamError as error:
                # What it asks for is refused (a parent that is gone, say): the next due time is another chance.
                logger.warning("schedule %r made no job: %s", schedule.name, error)
                await self._store.defer(schedule.name, planned.next_at, str(error))
        return await self._store.next_in()
