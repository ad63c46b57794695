"""Jobs: enqueue, look up, list, cancel, retry.

Each call is one statement. `owner` given: only a job of that owner is seen or touched, another's is NotFound. `principal`
is what the events say in `by`; None leaves database user and application name. `connection` given: on that connection,
within its transaction, never retried.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from jobstream.domain.ids import checked_id
from jobstream.domain.job import (
    EVERY_JOB,
    End,
    Enqueued,
    Job,
    JobFilter,
    NewJob,
    Outcome,
    Page,
    Seen,
    Status,
)
from jobstream.errors import JobStreamError, NotFound
from jobstream.store.list_cursors import next_cursor, read_cursor
from jobstream.store.pool import Connection, Database
from jobstream.store.requests import encode_jobs, point_at_fault
from jobstream.store.rows import JOB_COLUMNS, job_from_row, raw_job_from_row
from jobstream.store.snapshots import IS_FLUSHED, token_of

_GET: Final = f"""
with seen as materialized (
    select jobstream.stream_epoch() as epoch, pg_current_snapshot()::text as snapshot, {IS_FLUSHED} as flushed
)
select seen.*, j.revision, {JOB_COLUMNS}
from seen
cross join jobstream.jobs as j
where j.id = $1::text and ($2::text is null or j.owner = $2::text)
"""

_ENDS: Final = """
select
    j.id,
    j.status,
    j.status in ('done', 'dlq', 'cancelled') as has_ended,
    j.reason,
    j.result::text as result,
    j.last_error
from jobstream.jobs as j
where j.id = any ($1::text[])
"""

# `who` must be done before the verb: the verb's argument is read from it.
_AS_PRINCIPAL: Final = (
    "with who as materialized (select set_config('jobstream.principal', $1::text, true) as principal)"
)
_ENQUEUE: Final = """
select e.id, e.status, e.idempotent
from jobstream.enqueue_many($1::text::jsonb) as e
order by e.ordinal
"""
_ENQUEUE_AS: Final = f"""{_AS_PRINCIPAL}
select e.id, e.status, e.idempotent
from jobstream.enqueue_many((select $2::text::jsonb from who where principal is not null)) as e
order by e.ordinal
"""
_ON_ONE: Final = {
    "cancel": "jobstream.cancel(j.id, $3::text::boolean)",
    "retry": "jobstream.retry(j.id)",
    "run_now": "jobstream.run_now(j.id)",
    "reschedule": "jobstream.reschedule(j.id, $3::text::timestamptz)",
}


class JobStore:
    """The verbs of callers who own or operate jobs."""

    def __init__(self, db: Database, *, raw: bool = False) -> None:
        """Statements run on `db` where no connection is given.

        `raw`: args, result, labels, progress, backoff and errors of jobs are `msgspec.Raw`, for those who write them
        out as they stand.
        """
        self._db = db
        self._job = raw_job_from_row if raw else job_from_row

    async def enqueue(
        self, job: NewJob, *, principal: str | None = None, connection: Connection | None = None
    ) -> Enqueued:
        """Makes the job, or returns the one that its idempotency key or unique key stands for.

        Raises InvalidArgument, NotFound (an awaited job or parent), KeyReused, KeyBusy, TooLarge.
        """
        try:
            return (await self.enqueue_many([job], principal=principal, connection=connection))[0]
        except JobStreamError as error:
            if error.detail is not None:
                error.detail = msgspec.structs.replace(error.detail, ordinal=None)
            raise

    async def enqueue_many(
        self, jobs: Sequence[NewJob], *, principal: str | None = None, connection: Connection | None = None
    ) -> list[Enqueued]:
        """All of the jobs, in order, or none: an error's `detail.ordinal` (from 1) says which was at fault."""
        if not jobs:
            return []
        with point_at_fault(jobs):
            text = encode_jobs(jobs)
            if principal is None:
                rows = await self._db.fetch(_ENQUEUE, text, connection=connection)
            else:
                rows = await self._db.fetch(_ENQUEUE_AS, principal, text, connection=connection)
        return [Enqueued(row[0], Status(row[1]), row[2]) for row in rows]

    async def get(self, id: str, *, owner: str | None = None, connection: Connection | None = None) -> Job:
        """The job. Raises NotFound; InvalidArgument for what is no id."""
        return self._job(await self._row(id, owner, connection))

    async def get_seen(
        self, id: str, *, owner: str | None = None, connection: Connection | None = None
    ) -> Seen[Job]:
        """The job, its revision, and the event cursor of the very snapshot in which it was read."""
        row = await self._row(id, owner, connection)
        token = await token_of(self._db, row["epoch"], row["snapshot"], flushed=row["flushed"])
        return Seen(value=self._job(row), event_cursor=token, revision=row["revision"])

    async def list(
        self,
        filter: JobFilter = EVERY_JOB,
        *,
        cursor: str | None = None,
        limit: int = 50,
        owner: str | None = None,
        connection: Connection | None = None,
    ) -> Page[Job]:
        """A page of jobs, the newest first; `limit` is clamped to 1 to 200.

        A cursor works only with the filter and owner it came from; another one raises InvalidArgument. Pages never
        skip or repeat a job while others are added. Of a filter with several names, or `q`, a page looks at so many
        rows and no more, and may be short.
        """
        # SQLAlchemy takes a quarter of a second to import, and only lists build their SQL with it.
        from jobstream.store.listing import Listing  # noqa: PLC0415

        limit = min(max(limit, 1), 200)
        before = read_cursor(cursor, filter, owner) if cursor is not None else None
        listing = Listing(filter, owner, before, limit)
        probe = listing.probe()
        counts = await self._db.fetchrow(probe[0], *probe[1], connection=connection) if probe else None
        query, args = listing.page({} if counts is None else dict(counts))
        rows = await self._db.fetch(query, *args, connection=connection)
        first = rows[0]
        found = [row for row in rows if row["id"] is not None]
        last = found[limit - 1]["id"] if len(found) > limit else first["examined"]
        return Page(
            items=[self._job(row) for row in found[:limit]],
            next_cursor=next_cursor(last, filter, owner) if last is not None else None,
            event_cursor=await token_of(
                self._db, first["epoch"], first["snapshot"], flushed=first["flushed"]
            ),
        )

    async def ends(self, ids: Sequence[str]) -> dict[str, End | None]:
        """How those jobs ended, None for each that has not; unknown ones are left out."""
        return {
            row["id"]: _end(row) if row["has_ended"] else None
            for row in await self._db.fetch(_ENDS, [checked_id(id) for id in ids])
        }

    async def cancel(
        self,
        id: str,
        *,
        force: bool = False,
        owner: str | None = None,
        principal: str | None = None,
        connection: Connection | None = None,
    ) -> Outcome:
        """Cancels a job that is not running; with `force` a running one is asked to stop and still says `running`.

        A terminal job stays as it is. Raises NotFound; Conflict for a running job without `force`.
        """
        return await self._on_one("cancel", id, owner, principal, connection, "true" if force else "false")

    async def retry(
        self,
        id: str,
        *,
        owner: str | None = None,
        principal: str | None = None,
        connection: Connection | None = None,
    ) -> Outcome:
        """Sets a terminal or failed job going again. Raises NotFound, Conflict."""
        return await self._on_one("retry", id, owner, principal, connection)

    async def run_now(
        self,
        id: str,
        *,
        owner: str | None = None,
        principal: str | None = None,
        connection: Connection | None = None,
    ) -> Outcome:
        """Makes a job due at once. Raises NotFound, Conflict."""
        return await self._on_one("run_now", id, owner, principal, connection)

    async def reschedule(
        self,
        id: str,
        at: datetime,
        *,
        owner: str | None = None,
        principal: str | None = None,
        connection: Connection | None = None,
    ) -> Outcome:
        """Makes a job due at that time. Raises NotFound, Conflict."""
        return await self._on_one("reschedule", id, owner, principal, connection, at.isoformat())

    async def _row(self, id: str, owner: str | None, connection: Connection | None) -> Any:
        row = await self._db.fetchrow(_GET, checked_id(id), owner, connection=connection)
        if row is None:
            raise NotFound(f"no such job: {id}")
        return row

    async def _on_one(
        self,
        verb: str,
        id: str,
        owner: str | None,
        principal: str | None,
        connection: Connection | None,
        *args: str,
    ) -> Outcome:
        asked = (checked_id(id), owner, *args)
        if principal is None:
            row = await self._db.fetchrow(_STEER[verb], *asked, connection=connection)
        else:
            row = await self._db.fetchrow(_STEER_AS[verb], principal, *asked, connection=connection)
        if row is None:
            raise NotFound(f"no such job: {id}")
        return Outcome(row["id"], Status(row["status"]))


def _end(row: Any) -> End:
    return End(
        status=Status(row["status"]), reason=row["reason"], result=row["result"], last_error=row["last_error"]
    )


def _steering(call: str, *, as_principal: bool) -> str:
    # Parameters are numbered from the id; with a principal before it all move on by one.
    numbers = {"$1": "$2", "$2": "$3", "$3": "$4"} if as_principal else {}
    id, owner = numbers.get("$1", "$1"), numbers.get("$2", "$2")
    source = f"(select {id}::text from who where principal is not null)" if as_principal else f"{id}::text"
    return f"""{_AS_PRINCIPAL if as_principal else ""}
select j.id, {call.replace("$3", numbers.get("$3", "$3"))} as status
from (select {source} as id offset 0) as asked
inner join jobstream.jobs as j on j.id = asked.id
where {owner}::text is null or j.owner = {owner}::text
"""


_STEER: Final = {verb: _steering(call, as_principal=False) for verb, call in _ON_ONE.items()}
_STEER_AS: Final = {verb: _steering(call, as_principal=True) for verb, call in _ON_ONE.items()}
