"""Pipelines: create, list, look at, cancel, retry, and where one stands for its stream."""

import builtins
from typing import Any, Final

import msgspec
from msgspec import Struct, structs

from jobstream.domain.cursor import Cursor, Snapshot
from jobstream.domain.ids import checked_id
from jobstream.domain.job import Page
from jobstream.domain.pipeline import (
    NewStep,
    Pipeline,
    PipelineCreated,
    PipelineFilter,
    PipelineOutcome,
    PipelineWithJobs,
)
from jobstream.errors import NotFound
from jobstream.store.list_cursors import next_cursor, read_cursor
from jobstream.store.pool import Database
from jobstream.store.requests import encode_steps, point_at_fault
from jobstream.store.rows import JOB_COLUMNS, raw_job_from_row
from jobstream.store.snapshots import IS_FLUSHED, flush, token_of

_COLUMNS: Final = """p.id, p.name, p.owner, p.status, p.step, p.total_steps, p.current_steps as current, p.failed_step,
    p.created_at, p.completed_at"""
_SEEN: Final = f"""seen as materialized (
    select jobstream.stream_epoch() as epoch, pg_current_snapshot()::text as snapshot, {IS_FLUSHED} as flushed
)"""
_LIST: Final = f"""
with {_SEEN},
listed as (
    select {_COLUMNS}
    from jobstream.pipelines as p
    where ($1::text is null or p.owner = $1::text)
        and ($2::text is null or p.id < $2::text)
        and ($3::text[] = '{{}}' or p.status = any ($3::text[]))
    order by p.id desc
    limit $4::integer
)
select seen.*, listed.*
from seen
left join listed on true
order by listed.id desc
"""
_GET: Final = f"""
select {_COLUMNS} from jobstream.pipelines as p where p.id = $1::text and ($2::text is null or p.owner = $2::text)
"""
# In one statement, so that the pipeline, its jobs and the cursor are of one moment. Its own columns come as one value,
# since a job has columns of the same names.
_GET_WITH_JOBS: Final = f"""
with {_SEEN},
pipeline as (
    select to_jsonb(whole)::text as pipeline
    from (
        select {_COLUMNS} from jobstream.pipelines as p where p.id = $1::text and ($2::text is null or p.owner = $2::text)
    ) as whole
)
select seen.*, pipeline.pipeline, {JOB_COLUMNS}
from seen
cross join pipeline
left join jobstream.jobs as j on j.pipeline_id = $1::text
order by j.id
"""
_VERB: Final = """
with who as materialized (select set_config('jobstream.principal', $1::text, true) as principal)
select jobstream.{verb}_pipeline((select p.id from who where principal is not null)) as status
from jobstream.pipelines as p
where p.id = $2::text and ($3::text is null or p.owner = $3::text)
"""

_CREATE: Final = """
with who as materialized (select set_config('jobstream.principal', $1::text, true) as principal)
select jobstream.create_pipeline(
    (select $2::text from who where principal is not null),
    $3::text::jsonb,
    idempotency_key => $4::text,
    owner => $5::text
)::text as made
"""
_STANDING: Final = f"""
select
    {_COLUMNS},
    jobstream.stream_epoch() as epoch,
    pg_current_snapshot()::text as snapshot,
    {IS_FLUSHED} as flushed
from jobstream.pipelines as p
where p.id = $1::text
"""
# The creation of its first jobs is in one transaction with its row, so nothing of it has a smaller id.
_FIRST: Final = """
select e.id, e.type = 'status' and e.data ->> 'from' is null as is_creation
from jobstream.jobs as j
inner join jobstream.job_events as e on j.id = e.job_id
where j.pipeline_id = $1::text
order by e.id
limit 1
"""


class Standing(Struct, frozen=True, kw_only=True):
    """A pipeline, and the position in the stream of the very snapshot in which it was so."""

    pipeline: Pipeline
    cursor: Cursor


class PipelineStore:
    """`owner` given: only that owner's pipelines, another's is NotFound."""

    def __init__(self, db: Database) -> None:
        """Statements run on `db`."""
        self._db = db

    async def list(
        self,
        filter: PipelineFilter,
        *,
        cursor: str | None = None,
        limit: int = 50,
        owner: str | None = None,
    ) -> Page[Pipeline]:
        """A page, the newest first. Raises InvalidArgument for a cursor of another filter or owner."""
        before = None if cursor is None else read_cursor(cursor, filter, owner)
        rows = await self._db.fetch(_LIST, owner, before, list(filter.status), limit + 1)
        seen = _seen(rows[0])
        found = [Pipeline(**_without_seen(row)) for row in rows if row["id"] is not None]
        more = len(found) > limit
        return Page(
            items=found[:limit],
            next_cursor=next_cursor(found[limit - 1].id, filter, owner) if more else None,
            event_cursor=await token_of(self._db, **seen),
        )

    async def look(self, id: str, *, owner: str | None = None) -> Pipeline:
        """One, without its jobs. Raises NotFound."""
        row: Any = await self._db.fetchrow(_GET, checked_id(id), owner)
        if row is None:
            raise NotFound(f"no such pipeline: {id}")
        return Pipeline(**dict(row))

    async def get(self, id: str, *, owner: str | None = None) -> tuple[PipelineWithJobs, str]:
        """One, with its jobs, and the event cursor of the moment it was read in. Raises NotFound."""
        rows: Any = await self._db.fetch(_GET_WITH_JOBS, checked_id(id), owner)
        if not rows:
            raise NotFound(f"no such pipeline: {id}")
        pipeline = msgspec.json.decode(rows[0]["pipeline"], type=Pipeline)
        jobs = [raw_job_from_row(row) for row in rows if row["id"] is not None]
        found = PipelineWithJobs(**structs.asdict(pipeline), jobs=jobs)
        return found, await token_of(self._db, **_seen(rows[0]))

    async def create(
        self, name: str, steps: builtins.list[NewStep], *, key: str | None, owner: str, principal: str
    ) -> PipelineCreated:
        """Makes its jobs, or answers those that an earlier request with the key made.

        Raises InvalidArgument, KeyReused, KeyBusy, NotFound; `detail.ordinal` is the step's where it is known.
        """
        jobs = [step.job for step in steps]
        with point_at_fault(jobs):
            made = await self._db.fetchval(_CREATE, principal, name, encode_steps(steps), key, owner)
        return msgspec.json.decode(made, type=PipelineCreated)

    async def standing(self, id: str) -> Standing | None:
        """Where it stands, whoever's it is; None if it is gone."""
        row: Any = await self._db.fetchrow(_STANDING, id)
        if row is None:
            return None
        values = dict(row)
        cursor = Cursor(values.pop("epoch"), Snapshot.parse(values.pop("snapshot")))
        if not values.pop("flushed"):
            await flush(self._db)
        return Standing(pipeline=Pipeline(**values), cursor=cursor)

    async def first_event(self, id: str) -> tuple[int, bool]:
        """The id of its first event that is kept, and whether it is the first of all; 0 for none."""
        row = await self._db.fetchrow(_FIRST, id)
        return (0, False) if row is None else (row["id"], row["is_creation"])

    async def cancel(self, id: str, *, owner: str | None, principal: str) -> PipelineOutcome:
        """Cancels what has not ended; running steps are asked to stop. Raises NotFound."""
        return await self._verb("cancel", id, owner, principal)

    async def retry(self, id: str, *, owner: str | None, principal: str) -> PipelineOutcome:
        """Starts anew what failed and what it held up. Raises NotFound, Conflict."""
        return await self._verb("retry", id, owner, principal)

    async def _verb(self, verb: str, id: str, owner: str | None, principal: str) -> PipelineOutcome:
        row = await self._db.fetchrow(_VERB.format(verb=verb), principal, checked_id(id), owner)
        if row is None:
            raise NotFound(f"no such pipeline: {id}")
        return PipelineOutcome(id=id, status=row["status"])


def _seen(row: Any) -> dict[str, Any]:
    """What a statement saw, as `token_of` takes it."""
    return {name: row[name] for name in ("epoch", "snapshot", "flushed")}


def _without_seen(row: Any) -> dict[str, Any]:
    return {name: value for name, value in dict(row).items() if name not in _seen(row)}
