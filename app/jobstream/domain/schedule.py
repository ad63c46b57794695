"""Schedules: jobs by cron expression, as they are declared and as they come due."""

from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

CatchUp = Literal["skip", "last", "all"]

UNDECLARED_SECONDS = 120.0
"""A schedule from code is undeclared once no worker has had it in its code for so long."""


class Schedule(Struct, frozen=True, kw_only=True):
    """A declared schedule. `spec` is an object as for `jobstream.enqueue_many`; `timezone` an IANA name.

    `catch_up` says what becomes of due times that were missed while nobody did the maintenance: none of them, the last,
    all.
    """

    name: str
    cron: str
    timezone: str
    spec: dict[str, Any]
    catch_up: CatchUp = "last"


class DueSchedule(Struct, frozen=True, kw_only=True):
    """A schedule to look at: due, or with a due time that was never computed. `now` is the database's time."""

    name: str
    cron: str
    timezone: str
    catch_up: CatchUp
    next_at: datetime | None
    now: datetime


class ScheduleInfo(Struct, frozen=True, kw_only=True):
    """A schedule as a list shows it. `explanation` and `upcoming` are None and empty for one that cannot be read.

    `undeclared`: it came from code that no live worker runs, and goes on making jobs.
    """

    name: str
    cron: str
    timezone: str
    spec: Any
    owner: str
    paused: bool
    catch_up: str
    next_at: datetime | None
    last_at: datetime | None
    last_job: str | None
    last_error: str | None
    explanation: str | None = None
    upcoming: tuple[datetime, ...] = ()
    declared_at: datetime | None = None
    undeclared: bool = False
