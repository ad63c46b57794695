"""Schedules in the database: declared ones written, due ones read, each due time turned into exactly one job."""

import builtins
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from jobstream.domain.schedule import UNDECLARED_SECONDS, DueSchedule, Schedule, ScheduleInfo
from jobstream.store.pool import Database

# Written only where something differs, so that a worker's start wakes nobody; who paused it stays obeyed.
_DECLARE: Final = """
select jobstream.put_schedule(
    name => $1::text,
    cron => $2::text,
    timezone => $3::text,
    spec => $4::text::jsonb,
    catch_up => $5::text,
    paused => coalesce(s.paused, false),
    owner => coalesce(s.owner, '')
)
from (values (1)) as one (row)
left join jobstream.schedules as s on s.name = $1::text
where s.name is null
    or (s.cron, s.timezone, s.spec, s.catch_up) is distinct from ($2::text, $3::text, $4::text::jsonb, $5::text)
"""
_DUE: Final = """
select s.name, s.cron, s.timezone, s.catch_up, s.next_at, jobstream.clock() as now
from jobstream.schedules as s
where not s.paused and (s.next_at is null or s.next_at <= jobstream.clock())
order by s.next_at nulls first, s.name
limit 100
"""
_NEXT_IN: Final = """
select extract(epoch from min(s.next_at) - jobstream.clock())::float8
from jobstream.schedules as s
where not s.paused
"""
_FIRE: Final = "select jobstream.fire_schedule($1::text, $2::timestamptz, $3::timestamptz)"
_DEFER: Final = "select jobstream.defer_schedule($1::text, $2::timestamptz, $3::text)"

_RENEW: Final = f"""
select d.name
from jobstream.declare_schedules($1::text[], interval '{UNDECLARED_SECONDS} seconds') as d (name)
"""
_LIST: Final = f"""
select
    s.name, s.cron, s.timezone, s.spec::text as spec, s.owner, s.paused, s.catch_up, s.next_at, s.last_at, s.last_job,
    s.last_error, s.declared_at,
    coalesce(s.declared_at < jobstream.clock() - interval '{UNDECLARED_SECONDS} seconds', false) as undeclared
from jobstream.schedules as s
where ($1::text is null or s.name = $1::text) and ($2::text is null or s.owner = $2::text)
order by s.name
"""
_PUT: Final = """
with who as materialized (select set_config('jobstream.principal', $1::text, true) as principal)
select jobstream.put_schedule(
    name => (select $2::text from who where principal is not null),
    cron => $3::text,
    timezone => $4::text,
    spec => $5::text::jsonb,
    catch_up => $6::text,
    paused => $7::boolean,
    owner => $8::text
)
"""
_VERB: Final = """
with who as materialized (select set_config('jobstream.principal', $1::text, true) as principal)
select jobstream.{verb}_schedule((select $2::text from who where principal is not null))::text as answer
"""


class ScheduleStore:
    """Declare, read and fire schedules."""

    def __init__(self, db: Database) -> None:
        """Statements run on `db`."""
        self._db = db

    async def declare(self, schedule: Schedule) -> None:
        """Writes the schedule unless it is there just so. Raises InvalidArgument; Forbidden without jobstream_operate."""
        spec = msgspec.json.encode(schedule.spec).decode()
        await self._db.fetch(
            _DECLARE, schedule.name, schedule.cron, schedule.timezone, spec, schedule.catch_up
        )

    async def renew(self, names: Sequence[str]) -> builtins.list[str]:
        """Says that a worker has these in its code; the names of those that no worker has any more."""
        return [row["name"] for row in await self._db.fetch(_RENEW, list(names))]

    async def list(self, *, owner: str | None = None) -> builtins.list[ScheduleInfo]:
        """All of them, by name; `owner` given, that owner's."""
        return [_info(row) for row in await self._db.fetch(_LIST, None, owner)]

    async def get(self, name: str) -> ScheduleInfo | None:
        """One, if it is there."""
        row = await self._db.fetchrow(_LIST, name, None)
        return None if row is None else _info(row)

    async def put(self, schedule: Schedule, *, paused: bool, owner: str, principal: str) -> None:
        """Makes or replaces it. Raises InvalidArgument."""
        spec = msgspec.json.encode(schedule.spec).decode()
        await self._db.fetch(
            _PUT,
            principal,
            schedule.name,
            schedule.cron,
            schedule.timezone,
            spec,
            schedule.catch_up,
            paused,
            owner,
        )

    async def delete(self, name: str, *, principal: str) -> None:
        """Its jobs stay. Raises NotFound."""
        await self._db.fetch(_VERB.format(verb="delete"), principal, name)

    async def run(self, name: str, *, principal: str) -> str:
        """Makes its job now, beside its due times; the job's id. Raises NotFound."""
        id: str = await self._db.fetchval(_VERB.format(verb="run"), principal, name)
        return id

    async def due(self) -> builtins.list[DueSchedule]:
        """The schedules that are due or were never looked at, a hundred at most, the longest due first."""
        rows = await self._db.fetch(_DUE)
        return [DueSchedule(**dict(row)) for row in rows]

    async def next_in(self) -> float | None:
        """Seconds until the next is due; None if there is none."""
        seconds: float | None = await self._db.fetchval(_NEXT_IN)
        return seconds

    async def fire(self, name: str, due_at: datetime, next_at: datetime) -> str | None:
        """Makes the job of a due time and notes the next; its id, or None if it had been made before."""
        id: str | None = await self._db.fetchval(_FIRE, name, due_at, next_at)
        return id

    async def defer(self, name: str, next_at: datetime, error: str | None = None) -> None:
        """Notes the next due time without making a job, and why, if something is wrong."""
        await self._db.fetchval(_DEFER, name, next_at, error)


def _info(row: Any) -> ScheduleInfo:
    return ScheduleInfo(**{**dict(row), "spec": msgspec.Raw(row["spec"].encode())})
