"""What a worker says of many jobs at a time: notes on running attempts, failures, releases.

One statement each, in ascending id (the lock order of all verbs for many rows). The single-job functions that it calls
raise, so one refused item refuses the statement: the caller then sends its items one by one.
"""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from jobstream.domain.worker import Completion
from jobstream.store.pool import Database

_APPEND = """
select i.id, i.verb, case i.verb
    when 'progress' then jobstream.report_progress(
        i.id, i.attempt, i.current::numeric, i.total::numeric, i.name
    )
    when 'log' then jobstream.log(i.id, i.attempt, i.body, i.name) is null
    else jobstream.emit(i.id, i.attempt, i.name, i.data::jsonb) is null
end as cancel_requested
from (
    select n.*
    from unnest(
        $1::text[], $2::int[], $3::text[], $4::float8[], $5::float8[], $6::text[], $7::text[], $8::text[]
    ) with ordinality as n (id, attempt, verb, current, total, name, body, data, ordinal)
    order by n.id, n.ordinal
    offset 0
) as i
"""

_FAIL = """
select f.id, jobstream.fail(
    f.id, f.attempt, f.error::jsonb, f.retryable, jobstream.clock() + f.delay * interval '1 second'
) as status
from (
    select n.*
    from unnest($1::text[], $2::int[], $3::text[], $4::boolean[], $5::float8[])
        as n (id, attempt, error, retryable, delay)
    order by n.id
    offset 0
) as f
"""

_RELEASE = """
select r.id, jobstream.release(r.id, r.attempt, r.delay * interval '1 second') as status
from (
    select n.*
    from unnest($1::text[], $2::int[], $3::float8[]) as n (id, attempt, delay)
    order by n.id
    offset 0
) as r
"""

_RUNNING = """
select j.id, j.attempt
from jobstream.jobs as j
where j.status = 'running' and j.worker = $1::text
"""

_UPSTREAM = """
select j.id, j.pipeline_step, j.result::text
from jobstream.jobs as j
where j.id = any ($1::text[])
"""


class Note(Struct, frozen=True, kw_only=True):
    """One progress, log line or event of a running attempt.

    `name` is the step of a progress, the level of a line, the type of an event; `body` a line's text, `data` JSON text.
    """

    id: str
    attempt: int
    verb: Literal["progress", "log", "emit"]
    name: str | None = None
    current: float | None = None
    total: float | None = None
    body: str | None = None
    data: str | None = None


class Failure(Struct, frozen=True, kw_only=True):
    """An attempt that ended badly. `error` is JSON text; `delay` in seconds, None for the job's own backoff."""

    id: str
    attempt: int
    error: str
    retryable: bool = True
    delay: float | None = None


class Returned(Struct, frozen=True, kw_only=True):
    """A job given back without a failure, due after `delay` seconds."""

    id: str
    attempt: int
    delay: float = 0.0


class Upstream(Struct, frozen=True):
    """An awaited job's result, JSON text or None."""

    id: str
    step: str | None
    result: str | None


class ReportStore:
    """Reports of a worker, many in a statement."""

    def __init__(self, db: Database) -> None:
        """Statements run on `db`."""
        self._db = db

    async def append(self, notes: Sequence[Note]) -> set[str]:
        """Writes the notes, each job's in their order; the ids of jobs whose cancellation is asked for.

        Raises LeaseLost or InvalidArgument for one of them, and then none is written.
        """
        rows = await self._db.fetch(
            _APPEND,
            [note.id for note in notes],
            [note.attempt for note in notes],
            [note.verb for note in notes],
            [note.current for note in notes],
            [note.total for note in notes],
            [note.name for note in notes],
            [note.body for note in notes],
            [note.data for note in notes],
        )
        return {row["id"] for row in rows if row["verb"] == "progress" and row["cancel_requested"]}

    async def fail_many(self, failures: Sequence[Failure]) -> list[Completion]:
        """Ends the attempts badly. Raises LeaseLost or InvalidArgument for one of them, and then none has ended."""
        rows = await self._db.fetch(
            _FAIL,
            [failure.id for failure in failures],
            [failure.attempt for failure in failures],
            [failure.error for failure in failures],
            [failure.retryable for failure in failures],
            [failure.delay for failure in failures],
        )
        return [Completion(row["id"], row["status"], False) for row in rows]

    async def release_many(self, returned: Sequence[Returned]) -> list[Completion]:
        """Gives the jobs back. Raises LeaseLost for one of them, and then none is given back."""
        rows = await self._db.fetch(
            _RELEASE,
            [item.id for item in returned],
            [item.attempt for item in returned],
            [item.delay for item in returned],
        )
        return [Completion(row["id"], row["status"], False) for row in rows]

    async def running(self, worker: str) -> list[tuple[str, int]]:
        """Id and attempt of the jobs that run in that worker's name."""
        rows = await self._db.fetch(_RUNNING, worker)
        return [(row["id"], row["attempt"]) for row in rows]

    async def upstream(self, ids: Sequence[str]) -> list[Upstream]:
        """The results of awaited jobs; those that are gone are left out."""
        rows = await self._db.fetch(_UPSTREAM, list(ids))
        return [Upstream(row["id"], row["pipeline_step"], row["result"]) for row in rows]
