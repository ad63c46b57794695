"""What clients send, as structs: shapes and limits of contract §1 and §2, unknown fields refused.

Only what a value can be wrong in by itself is said here. What the database knows better (awaited jobs that exist,
sizes as stored) it says itself, and `pointer_to` tells the client where in the request that was.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Final, Literal

from msgspec import Meta, Struct, field, structs

from jobstream.domain.backoff import Backoff
from jobstream.domain.job import NewJob
from jobstream.domain.pipeline import NewStep
from jobstream.errors import InvalidArgument, JobStreamError
from jobstream.tracing import PATTERN as TRACEPARENT

# The lookahead is for Python alone, whose `$` also matches before a final line break.
Id = Annotated[str, Meta(pattern=r"^[0-7][0-9A-HJKMNP-TV-Z]{25}(?!\n)$", description="A ULID in upper case.")]
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}(?!\n)$")]
Label = Annotated[str, Meta(max_length=128)]
Labels = Annotated[dict[Label, Label], Meta(max_length=32)]
ShortKey = Annotated[str, Meta(min_length=1, max_length=256)]
FreeText = Annotated[str, Meta(max_length=1_024)]
Owner = Annotated[str, Meta(max_length=256)]
Int4 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
Attempt = Annotated[int, Meta(ge=1, le=2**31 - 1, description="The attempt that the lease was given for.")]
Seconds = Annotated[float, Meta(ge=0, le=366 * 86_400, description="Seconds, at most a year.")]
LeaseSeconds = Annotated[float, Meta(ge=1, le=86_400, description="How long the lease holds, in seconds.")]
Moment = Annotated[datetime, Meta(tz=True)]
Traceparent = Annotated[str, Meta(pattern=TRACEPARENT, description="W3C's trace context; else the header's.")]

_FIRST_MOMENT: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MOMENT: Final = datetime(9999, 1, 1, tzinfo=UTC)


def check_moment(name: str, moment: datetime | None) -> None:
    """Raises ValueError for a moment that not every language and every conversion can hold."""
    if moment is not None and not _FIRST_MOMENT <= moment <= _LAST_MOMENT:
        raise ValueError(f"{name} must lie between the years 1970 and 9998")


class Body(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of all request bodies.

    `mended` names a member in which unstorable characters are replaced, `given_up` one that is left out where it
    cannot be stored; both because what a worker says about its attempt must not be lost over them.
    """

    mended: ClassVar[str | None] = None
    given_up: ClassVar[str | None] = None


class SpecIn(Body, frozen=True, kw_only=True):
    """What is to be done."""

    kind: Name
    args: Any = {}
    queue: Name = "default"
    priority: Int4 = 0
    labels: Labels = {}
    concurrency_key: ShortKey | None = None
    unique: Literal["pending", "active"] | None = None
    unique_key: ShortKey | None = None
    class_: FreeText | None = field(name="class", default=None)
    mode: FreeText | None = None
    scope: FreeText | None = None


class SchedulingIn(Body, frozen=True, kw_only=True):
    """When it may start: at a time or after a delay, and after which other jobs."""

    scheduled_at: Moment | None = None
    delay_seconds: Seconds | None = None
    deadline: Moment | None = None
    await_jobs: list[Id] | None = None
    await_for: Literal["done", "ended"] | None = None

    def __post_init__(self) -> None:
        if self.scheduled_at is not None and self.delay_seconds is not None:
            raise ValueError("scheduled_at and delay_seconds exclude each other")
        check_moment("scheduled_at", self.scheduled_at)
        check_moment("deadline", self.deadline)


class RetryIn(Body, frozen=True, kw_only=True):
    """How often it is tried, and how long it waits between."""

    max_attempts: Annotated[int, Meta(ge=1, le=2**31 - 1)] = 3
    backoff: Backoff | None = None

    def __post_init__(self) -> None:
        if self.backoff is not None:
            try:
                self.backoff.check()
            except InvalidArgument as error:
                raise ValueError(error.message) from error


class LineageIn(Body, frozen=True, kw_only=True):
    """Where it comes from."""

    triggered_by: FreeText | None = None
    parent_job: Id | None = None


class CreateJob(Body, frozen=True, kw_only=True):
    """A job to be made."""

    spec: SpecIn
    scheduling: SchedulingIn = SchedulingIn()
    retry: RetryIn = RetryIn()
    lineage: LineageIn = LineageIn()
    timeout_seconds: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    owner: Owner | None = None


class BatchItem(CreateJob, frozen=True, kw_only=True):
    """A job of a batch."""

    idempotency_key: Annotated[str, Meta(pattern=r"^[!-~]{1,256}(?!\n)$")] | None = None
    traceparent: Traceparent | None = None


class CreateBatch(Body, frozen=True, kw_only=True):
    """Jobs to be made together, or none of them."""

    items: Annotated[list[BatchItem], Meta(min_length=1, max_length=1_000)]


class StepIn(Body, frozen=True, kw_only=True):
    """A step of a pipeline: a job, and the keys of the steps that come before it."""

    key: Name
    spec: SpecIn
    scheduling: SchedulingIn = SchedulingIn()
    retry: RetryIn = RetryIn()
    after: Annotated[list[Name], Meta(max_length=1_000)] = []
    await_for: Literal["done", "ended"] | None = None
    timeout_seconds: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    traceparent: Traceparent | None = None


class CreatePipeline(Body, frozen=True, kw_only=True):
    """Jobs that depend on each other, to be made together."""

    name: Annotated[str, Meta(min_length=1, max_length=256)]
    steps: Annotated[list[StepIn], Meta(min_length=1, max_length=1_000)]
    owner: Owner | None = None


class Nothing(Body, frozen=True, kw_only=True):
    """An empty object, or no body at all."""


class Cancel(Body, frozen=True, kw_only=True):
    """`force` asks a running job to stop."""

    force: bool = False


class Reschedule(Body, frozen=True, kw_only=True):
    """When the job is due."""

    at: Moment

    def __post_init__(self) -> None:
        check_moment("at", self.at)


class Claim(Body, frozen=True, kw_only=True):
    """Which jobs a worker takes, how many, for how long, and for how many seconds it waits for the first."""

    queues: Annotated[list[Name], Meta(min_length=1, max_length=100)] = field(
        default_factory=lambda: ["default"]
    )
    worker: Annotated[str, Meta(min_length=1, max_length=256)]
    limit: Annotated[int, Meta(ge=1, le=100)] = 1
    lease_seconds: LeaseSeconds = 30.0
    wait: Annotated[float, Meta(ge=0, le=60)] = 0.0


class Heartbeat(Body, frozen=True, kw_only=True):
    """The lease is to hold on."""

    attempt: Attempt
    lease_seconds: LeaseSeconds = 30.0


class ProgressIn(Body, frozen=True, kw_only=True):
    """How far the attempt is."""

    attempt: Attempt
    current: float
    total: float | None = None
    step: str | None = None
    cost_usd: Annotated[float, Meta(ge=0)] | None = None


class LogIn(Body, frozen=True, kw_only=True):
    """A line for the job's history."""

    attempt: Attempt
    message: str
    level: Annotated[str, Meta(min_length=1, max_length=32)] = "info"


class Emit(Body, frozen=True, kw_only=True):
    """An event of the worker's own."""

    attempt: Attempt
    type: str
    data: Any = {}


class Complete(Body, frozen=True, kw_only=True):
    """The attempt has succeeded."""

    given_up: ClassVar[str | None] = "result"

    attempt: Attempt
    result: Any = None
    cost_usd: Annotated[float, Meta(ge=0)] | None = None


class ErrorIn(Body, frozen=True, kw_only=True):
    """What went wrong, in parts."""

    message: str
    type: str | None = None
    traceback: str | None = None


class Fail(Body, frozen=True, kw_only=True):
    """The attempt has failed."""

    mended: ClassVar[str | None] = "error"

    attempt: Attempt
    error: str | ErrorIn
    retryable: bool = True
    retry_at: Moment | None = None

    def __post_init__(self) -> None:
        check_moment("retry_at", self.retry_at)


class Release(Body, frozen=True, kw_only=True):
    """The attempt is given back."""

    attempt: Attempt
    delay_seconds: Seconds = 0.0


def new_job(body: CreateJob, *, owner: str, key: str | None, traceparent: str | None = None) -> NewJob:
    """What the store is asked to make."""
    spec, scheduling, retry = body.spec, body.scheduling, body.retry
    return NewJob(
        kind=spec.kind,
        args=spec.args,
        queue=spec.queue,
        priority=spec.priority,
        scheduled_at=scheduling.scheduled_at,
        delay=scheduling.delay_seconds,
        deadline=scheduling.deadline,
        idempotency_key=key,
        max_attempts=retry.max_attempts,
        backoff=retry.backoff,
        timeout_seconds=body.timeout_seconds,
        labels=spec.labels or None,
        concurrency_key=spec.concurrency_key,
        await_jobs=scheduling.await_jobs,
        await_for=scheduling.await_for,
        unique_for=spec.unique,
        unique_key=spec.unique_key,
        owner=owner,
        triggered_by=body.lineage.triggered_by,
        parent_job=body.lineage.parent_job,
        class_=spec.class_,
        mode=spec.mode,
        scope=spec.scope,
        traceparent=traceparent,
    )


def new_step(step: StepIn, *, owner: str, traceparent: str | None = None) -> NewStep:
    """What the store is asked to make of a step."""
    scheduling = step.scheduling
    if step.await_for is not None:
        scheduling = structs.replace(scheduling, await_for=step.await_for)
    body = CreateJob(
        spec=step.spec, scheduling=scheduling, retry=step.retry, timeout_seconds=step.timeout_seconds
    )
    job = new_job(body, owner=owner, key=None, traceparent=step.traceparent or traceparent)
    return NewStep(key=step.key, after=tuple(step.after), job=job)


_PLACES: Final = {
    "kind": "/spec/kind",
    "args": "/spec/args",
    "queue": "/spec/queue",
    "priority": "/spec/priority",
    "labels": "/spec/labels",
    "concurrency_key": "/spec/concurrency_key",
    "unique_for": "/spec/unique",
    "unique_key": "/spec/unique_key",
    "class": "/spec/class",
    "mode": "/spec/mode",
    "scope": "/spec/scope",
    "scheduled_at": "/scheduling/scheduled_at",
    "delay": "/scheduling/delay_seconds",
    "deadline": "/scheduling/deadline",
    "await_jobs": "/scheduling/await_jobs",
    "await_for": "/scheduling/await_for",
    "max_attempts": "/retry/max_attempts",
    "backoff": "/retry/backoff",
    "triggered_by": "/lineage/triggered_by",
    "parent_job": "/lineage/parent_job",
    "timeout_seconds": "/timeout_seconds",
    "owner": "/owner",
}


def pointer_to(parameter: str | None, inside: str | None = None) -> str:
    """Where in a job to be made a parameter of `jobstream.enqueue` was given, and where inside of it."""
    return _PLACES.get(parameter or "", "") + (inside or "")


@contextmanager
def placed(*, in_batch: bool = False) -> Iterator[None]:
    """Says of a job that the database refused where in the request the fault was."""
    try:
        yield
    except JobStreamError as error:
        detail = error.detail
        if detail is not None:
            item = f"/items/{detail.ordinal - 1}" if in_batch and detail.ordinal else ""
            # The key is a header, and of a batch's item it is the whole item that is refused.
            inside = "" if detail.field == "idempotency_key" else pointer_to(detail.field, detail.pointer)
            pointer = item + inside
            error.detail = structs.replace(detail, field=None, pointer=pointer or None)
        raise
