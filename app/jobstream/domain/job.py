"""A job as a value, in the JSON of contract §2, and what is asked of and about jobs."""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

from msgspec import Struct, field

from jobstream.domain.backoff import Backoff

T = TypeVar("T")


class Status(StrEnum):
    """Where a job stands (contract §1)."""

    WAITING = "waiting"
    PENDING = "pending"
    RUNNING = "running"
    FAILED = "failed"
    DONE = "done"
    DLQ = "dlq"
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        """Whether nothing more happens to the job unless an operator retries it."""
        return self in TERMINAL


TERMINAL = frozenset({Status.DONE, Status.DLQ, Status.CANCELLED})


class Progress(Struct, frozen=True, kw_only=True):
    """How far a running job says it is. `percent` 0 to 100, `eta_secs` an estimate in seconds."""

    current: float | None = None
    total: float | None = None
    percent: float | None = None
    step: str | None = None
    eta_secs: float | None = None


class Spec(Struct, frozen=True, kw_only=True):
    """What is to be done."""

    kind: str
    args: Any
    queue: str
    priority: int
    labels: dict[str, str]
    concurrency_key: str | None
    unique: str | None
    unique_key: str | None
    class_: str | None = field(name="class")
    mode: str | None
    scope: str | None


class Scheduling(Struct, frozen=True, kw_only=True):
    """When it may start."""

    trigger: str
    scheduled_at: datetime | None
    await_jobs: list[str] | None
    await_for: str | None
    deadline: datetime | None
    cron_expr: str | None


class Lifecycle(Struct, frozen=True, kw_only=True):
    """Where it stands."""

    status: Status
    reason: str | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    lease_until: datetime | None
    worker: str | None
    cancel_requested: bool
    progress: Any
    result: Any


class Retry(Struct, frozen=True, kw_only=True):
    """What its attempts came to. `errors` holds the last of them, `errors_count` says how many are held."""

    attempt: int
    failures: int
    crashes: int
    max_attempts: int
    backoff: Any
    last_error: str | None
    errors: Any
    errors_count: int


class Lineage(Struct, frozen=True, kw_only=True):
    """Where it comes from. `children` holds the first of them by id, `children_count` says how many there are."""

    triggered_by: str | None
    parent_job: str | None
    pipeline_id: str | None
    pipeline_step: str | None
    children: list[str]
    children_count: int
    cost_usd: float | None


class Job(Struct, frozen=True, kw_only=True):
    """A job, exactly as HTTP shows it."""

    id: str
    owner: str
    timeout_seconds: int | None
    idempotency_key: str | None
    spec: Spec
    scheduling: Scheduling
    lifecycle: Lifecycle
    retry: Retry
    lineage: Lineage

    @property
    def status(self) -> Status:
        """Short for `lifecycle.status`."""
        return self.lifecycle.status


class NewJob(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What `jobstream.enqueue` is asked for, by its parameters' names and with its defaults.

    `args` is anything that JSON can hold, or `msgspec.Raw`. `delay` in seconds. What follows `scope` is for
    our own callers.
    """

    kind: str
    args: Any = {}
    queue: str = "default"
    priority: int = 0
    scheduled_at: datetime | None = None
    delay: float | None = None
    deadline: datetime | None = None
    idempotency_key: str | None = None
    max_attempts: int = 3
    backoff: Backoff | None = None
    timeout_seconds: int | None = None
    labels: dict[str, str] | None = None
    concurrency_key: str | None = None
    await_jobs: list[str] | None = None
    await_for: str | None = None
    unique_for: str | None = None
    unique_key: str | None = None
    owner: str = ""
    triggered_by: str | None = None
    parent_job: str | None = None
    class_: str | None = field(name="class", default=None)
    mode: str | None = None
    scope: str | None = None
    trigger: str | None = None
    pipeline_id: str | None = None
    pipeline_step: str | None = None
    cron_expr: str | None = None
    traceparent: str | None = None


class Enqueued(Struct, frozen=True):
    """The answer to one enqueue. `idempotent`: an earlier request with this key had made the job."""

    id: str
    status: Status
    idempotent: bool


class Outcome(Struct, frozen=True):
    """The answer to a verb on one job: its status afterwards."""

    id: str
    status: Status


class End(Struct, frozen=True, kw_only=True):
    """How a job ended. `result` is JSON text, None where there is none."""

    status: Status
    reason: str | None
    result: str | None
    last_error: str | None


class JobFilter(Struct, frozen=True, kw_only=True):
    """Which jobs are meant: several values of one name mean or, different names and (contract §2).

    `label` holds (name, value) pairs; `since` (inclusive) and `until` (exclusive) are about `created_at`; `q` is text
    in kind or last error.
    """

    status: tuple[Status, ...] = ()
    kind: tuple[str, ...] = ()
    queue: tuple[str, ...] = ()
    owner: tuple[str, ...] = ()
    pipeline_id: tuple[str, ...] = ()
    label: tuple[tuple[str, str], ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    q: str | None = None


EVERY_JOB = JobFilter()


class Current(Struct, frozen=True):
    """A job that runs just now, as a summary shows it."""

    id: str
    kind: str
    progress: Any


class Summary(Struct, frozen=True, kw_only=True):
    """What goes on among some jobs. `is_running`: any is pending or running; `current`: at most ten that run."""

    is_running: bool
    counts: dict[str, int]
    current: list[Current]


class Page(Struct, Generic[T], frozen=True, kw_only=True):
    """One page of a list. `next_cursor` is None only at the end; a page may be short before it.

    `event_cursor`: the stream opened with it continues the snapshot in which the page was read.
    """

    items: list[T]
    next_cursor: str | None
    event_cursor: str


class Seen(Struct, Generic[T], frozen=True, kw_only=True):
    """A value, the event cursor and the row's revision, read in the same statement."""

    value: T
    event_cursor: str
    revision: int


class Lease(Struct, frozen=True, kw_only=True):
    """A claimed job as HTTP hands it out."""

    job: Job
    attempt: int
    lease_until: datetime


class ClaimedJob(Struct, frozen=True, gc=False, eq=False):
    """A claimed job as a worker needs it: flat, `args` as JSON text for the handler's own type.

    The whole job is there too, built when `job` is first asked for: `row` and `build` are the store's.
    """

    id: str
    attempt: int
    kind: str
    queue: str
    priority: int
    args: str
    timeout_seconds: int | None
    await_jobs: list[str] | None
    lease_until: datetime
    row: Any
    build: Callable[[Any], Job]

    @property
    def traceparent(self) -> str | None:
        """The trace context of whoever enqueued it."""
        found: str | None = self.row["traceparent"]
        return found

    @property
    def job(self) -> Job:
        """The job as it was claimed. Built anew at each call."""
        return self.build(self.row)
