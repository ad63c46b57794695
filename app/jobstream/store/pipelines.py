"""Pipelines: list, look at, cancel, retry."""

import builtins
from typing import Any, Final

from jobstream.domain.ids import checked_id
from jobstream.domain.pipeline import Pipeline, PipelineOutcome, PipelineWithJobs
from jobstream.errors import NotFound
from jobstream.store.pool import Database
from jobstream.store.rows import JOB_COLUMNS, raw_job_from_row

_COLUMNS: Final = """p.id, p.name, p.owner, p.status, p.step, p.total_steps, p.current_steps as current, p.failed_step,
    p.created_at, p.completed_at"""
_LIST: Final = f"""
select {_COLUMNS}
from jobstream.pipelines as p
where ($1::text is null or p.owner = $1::text)
    and ($2::text is null or p.id < $2::text)
    and ($3::text[] is null or p.status = any ($3::text[]))
order by p.id desc
limit $4::integer
"""
_GET: Final = f"""
select {_COLUMNS} from jobstream.pipelines as p where p.id = $1::text and ($2::text is null or p.owner = $2::text)
"""
_JOBS: Final = f"select {JOB_COLUMNS} from jobstream.jobs as j where j.pipeline_id = $1::text order by j.id"
_VERB: Final = """
with who as materialized (select set_config('jobstream.principal', $1::text, true) as principal)
select jobstream.{verb}_pipeline((select p.id from who where principal is not null)) as status
from jobstream.pipelines as p
where p.id = $2::text and ($3::text is null or p.owner = $3::text)
"""


class PipelineStore:
    """`owner` given: only that owner's pipelines, another's is NotFound."""

    def __init__(self, db: Database) -> None:
        """Statements run on `db`."""
        self._db = db

    async def list(
        self, *, owner: str | None, before: str | None, statuses: builtins.list[str] | None, limit: int
    ) -> builtins.list[Pipeline]:
        """The newest first, below an id."""
        rows = await self._db.fetch(_LIST, owner, before, statuses, limit)
        return [Pipeline(**dict(row)) for row in rows]

    async def get(self, id: str, *, owner: str | None = None) -> PipelineWithJobs:
        """One, with its jobs. Raises NotFound."""
        row: Any = await self._db.fetchrow(_GET, checked_id(id), owner)
        if row is None:
            raise NotFound(f"no such pipeline: {id}")
        jobs = [raw_job_from_row(job) for job in await self._db.fetch(_JOBS, id)]
        return PipelineWithJobs(**dict(row), jobs=jobs)

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
