"""Jobs: enqueue, look up, list, cancel, retry.

Each call is one statement. `owner` given: only a job of that owner is seen or touched, another's is NotFound. `principal`
is what the events say in `by`; None leaves database user and application name. `connection` given: on that connection,
within its transaction, never retried.
"""

from collections.abc import Sequence

from jobstream.domain.job import EVERY_JOB, Enqueued, Job, JobFilter, NewJob, Outcome, Page, Seen
from jobstream.store.pool import Connection, Database


class JobStore:
    """The verbs of callers who own or operate jobs."""

    def __init__(self, db: Database) -> None:
        """Statements run on `db` where no connection is given."""
        self._db = db

    async def enqueue(
        self, job: NewJob, *, principal: str | None = None, connection: Connection | None = None
    ) -> Enqueued:
        """Makes the job, or returns the one that its idempotency key or unique key stands for.

        Raises InvalidArgument, NotFound (an awaited job or parent), KeyReused, KeyBusy, TooLarge.
        """
        raise NotImplementedError

    async def enqueue_many(
        self, jobs: Sequence[NewJob], *, principal: str | None = None, connection: Connection | None = None
    ) -> list[Enqueued]:
        """All of the jobs, in order, or none: an error's `detail.ordinal` (from 1) says which was at fault."""
        raise NotImplementedError

    async def get(self, id: str, *, owner: str | None = None, connection: Connection | None = None) -> Job:
        """The job. Raises NotFound; InvalidArgument for what is no id."""
        raise NotImplementedError

    async def get_seen(
        self, id: str, *, owner: str | None = None, connection: Connection | None = None
    ) -> Seen[Job]:
        """The job and the event cursor of the very snapshot in which it was read."""
        raise NotImplementedError

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
        skip or repeat a job while others are added. With `q` a page looks at 20,000 rows at most and may be short.
        """
        raise NotImplementedError

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
        raise NotImplementedError

    async def retry(
        self,
        id: str,
        *,
        owner: str | None = None,
        principal: str | None = None,
        connection: Connection | None = None,
    ) -> Outcome:
        """Sets a terminal or failed job going again. Raises NotFound, Conflict."""
        raise NotImplementedError
