"""When a cron expression is due, and which due times become jobs: pure, it is told the time.

Expressions are read as Debian's cron reads them, also where clocks change: a job at an hour that is skipped runs right after
it, one at an hour that comes twice runs once.
"""

from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from msgspec import Struct

from jobstream.domain.schedule import DueSchedule

ON_TIME = timedelta(minutes=1)
"""A due time is missed, for `catch_up: skip`, once it is so long past."""

MAX_BACK = timedelta(days=31)
"""Due times further back than this are never caught up with."""

MAX_RUNS = 100
"""Jobs made for one schedule in one round; the rest follows in the next."""

FAULT_PAUSE = timedelta(hours=1)
"""When to look again at a schedule whose expression or zone is none."""


class Plan(Struct, frozen=True, kw_only=True):
    """The due times that become jobs, in order, and the next one. `error` if the schedule cannot be read."""

    runs: tuple[datetime, ...]
    next_at: datetime
    error: str | None = None


def check_cron(cron: str, timezone: str) -> None:
    """Raises ValueError where the expression has no due time or the zone is none."""
    try:
        zone = ZoneInfo(timezone)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"{timezone!r} is no time zone") from error
    try:
        next(CronSim(cron, datetime(2000, 1, 1, tzinfo=zone)))
    except (CronSimError, StopIteration) as error:
        raise ValueError(f"{cron!r} is no cron expression that ever comes due: {error}") from error


def plan(schedule: DueSchedule) -> Plan:
    """What to do about a schedule that is due, or was never looked at."""
    try:
        return _plan(schedule)
    except (CronSimError, StopIteration, KeyError, ValueError, OSError) as error:
        text = f"{schedule.cron!r} in {schedule.timezone!r} never comes due: {error!r}"
        return Plan(runs=(), next_at=schedule.now + FAULT_PAUSE, error=text)


def _plan(schedule: DueSchedule) -> Plan:
    zone, now = ZoneInfo(schedule.timezone), schedule.now
    if schedule.next_at is None:
        return Plan(runs=(), next_at=next(CronSim(schedule.cron, now.astimezone(zone))))
    # The iterator gives what comes after its start, so it starts a moment before the time that was noted.
    start = max(schedule.next_at, now - MAX_BACK) - timedelta(seconds=1)
    past = list(takewhile(lambda at: at <= now, CronSim(schedule.cron, start.astimezone(zone))))
    match schedule.catch_up:
        case "all":
            runs = tuple(islice(past, MAX_RUNS))
        case "last":
            runs = tuple(past[-1:])
        case "skip":
            runs = tuple(at for at in past[-1:] if now - at <= ON_TIME)
    after = runs[-1] if schedule.catch_up == "all" and len(past) > MAX_RUNS else now
    return Plan(runs=runs, next_at=next(CronSim(schedule.cron, after.astimezone(zone))))


def explain(cron: str) -> str | None:
    """The expression in words; None for what is none."""
    try:
        return CronSim(cron, datetime(2000, 1, 1, tzinfo=UTC)).explain()
    except (CronSimError, ValueError):
        return None


def upcoming(cron: str, timezone: str, now: datetime, count: int) -> tuple[datetime, ...]:
    """The next due times; none for what cannot be read."""
    try:
        return tuple(islice(CronSim(cron, now.astimezone(ZoneInfo(timezone))), count))
    except (CronSimError, KeyError, ValueError, OSError):
        return ()
