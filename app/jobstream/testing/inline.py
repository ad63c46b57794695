"""One attempt of a job in the test's own process, without a database: what goes in and out is checked as if there were one."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from jobstream.domain.job import ClaimedJob, Job, Lifecycle, Lineage, Retry, Scheduling, Spec, Status
from jobstream.worker.context import JobContext, current_context
from jobstream.worker.handler import Handler
from jobstream.worker.held import HeldJob
from jobstream.worker.journal import Stored
from jobstream.worker.middleware import wrapped
from jobstream.worker.notes import emit_note, log_note, progress_note

T = TypeVar("T")
ArgsT = TypeVar("ArgsT")
ResultT = TypeVar("ResultT")

JOB_ID = "00000000000000000000000000"


class InlineRun(Struct, Generic[ResultT], kw_only=True):
    """What an attempt returned, and what it said on the way."""

    result: ResultT
    progress: list[tuple[float, float | None, str | None]]
    """(current, total, step), each as it was said: none is held back."""
    logs: list[tuple[str, str]]
    """(level, message)."""
    emitted: list[tuple[str, Any]]
    """(type, data)."""


async def run_inline(
    job: Handler[ArgsT, ResultT],
    args: ArgsT | None = None,
    *,
    attempt: int = 1,
    upstream: Mapping[str, Any] | None = None,
    owner: str = "",
    labels: Mapping[str, str] | None = None,
) -> InlineRun[ResultT]:
    """Runs one attempt of a job, its middleware and timeout included; arguments and result go through JSON.

    Raises what the handler raises, `Retry`, `Snooze` and `Discard` too; InvalidArgument for arguments or a result that
    could not be stored. A `def` handler runs in a thread. `ctx.client` is not there: use `drain` for that.
    """
    told: InlineRun[Any] = InlineRun(result=None, progress=[], logs=[], emitted=[])
    encoded = job.encode_args(args)  # type: ignore[arg-type]  # None where the job takes nothing
    held = HeldJob(_claimed(job, encoded, attempt, owner, dict(labels or {})), 0.0)
    context = JobContext(held, journal=_Notebook(told), client=None, upstream=upstream)
    parameters = (context, job.decode_args(encoded)) if job.takes_args else (context,)
    token = current_context.set(context)
    try:
        async with asyncio.timeout(job.timeout):
            value = await wrapped(job.middleware, context, partial(_call, job, parameters))()
    finally:
        current_context.reset(token)
    if isinstance(value, Exception):
        raise value  # `return Retry(60)` means the same as raising it
    stored = job.encode_result(value)
    told.result = job.decode_result(b"null" if stored is None else stored)
    return told


def run_inline_sync(
    job: Handler[ArgsT, ResultT],
    args: ArgsT | None = None,
    *,
    attempt: int = 1,
    upstream: Mapping[str, Any] | None = None,
    owner: str = "",
    labels: Mapping[str, str] | None = None,
) -> InlineRun[ResultT]:
    """`run_inline` for tests without an event loop."""
    return in_own_loop(
        lambda: run_inline(job, args, attempt=attempt, upstream=upstream, owner=owner, labels=labels)
    )


def in_own_loop(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What the coroutine returns, run in a thread, whatever runs in this one."""
    with ThreadPoolExecutor(1, thread_name_prefix="jobstream-testing") as threads:
        return threads.submit(lambda: asyncio.run(work())).result()


async def _call(job: Handler[Any, Any], parameters: tuple[Any, ...]) -> Any:
    if job.executor == "async":
        return await job.function(*parameters)
    return await asyncio.to_thread(job.function, *parameters)


class _Notebook:
    """Keeps what a handler says, after the checks that a worker makes."""

    def __init__(self, told: InlineRun[Any]) -> None:
        self._told = told

    def progress(self, held: HeldJob, current: float, total: float | None, step: str | None) -> Stored:
        progress_note(held.job, current, total, step)
        self._told.progress.append((current, total, step))
        return _stored()

    def log(self, held: HeldJob, message: str, level: str) -> Stored:
        log_note(held.job, message, level)
        self._told.logs.append((level, message))
        return _stored()

    def emit(self, held: HeldJob, type: str, data: object) -> Stored:
        emit_note(held.job, type, data)
        self._told.emitted.append((type, data))
        return _stored()


def _stored() -> Stored:
    stored = Stored()
    stored.settle()
    return stored


def _claimed(
    handler: Handler[Any, Any], args: bytes, attempt: int, owner: str, labels: dict[str, str]
) -> ClaimedJob:
    until = datetime.now(UTC) + timedelta(days=1)
    return ClaimedJob(
        id=JOB_ID,
        attempt=attempt,
        kind=handler.name,
        queue=handler.queue,
        priority=handler.priority,
        args=args.decode(),
        timeout_seconds=None,
        await_jobs=None,
        lease_until=until,
        row=None,
        build=lambda _: _job(handler, args, attempt, owner, labels, until),
    )


def _job(
    handler: Handler[Any, Any],
    args: bytes,
    attempt: int,
    owner: str,
    labels: dict[str, str],
    until: datetime,
) -> Job:
    now = datetime.now(UTC)
    nothing: dict[str, Any] = dict.fromkeys(
        ("concurrency_key", "unique", "unique_key", "class_", "mode", "scope"), None
    )
    return Job(
        id=JOB_ID,
        owner=owner,
        timeout_seconds=None,
        idempotency_key=None,
        spec=Spec(
            kind=handler.name,
            args=msgspec.json.decode(args),
            queue=handler.queue,
            priority=handler.priority,
            labels=labels,
            **nothing,
        ),
        scheduling=Scheduling(
            trigger="demand",
            **dict.fromkeys(("scheduled_at", "await_jobs", "await_for", "deadline", "cron_expr"), None),
        ),
        lifecycle=Lifecycle(
            status=Status.RUNNING,
            reason=None,
            created_at=now,
            started_at=now,
            completed_at=None,
            lease_until=until,
            worker="jobstream.testing",
            cancel_requested=False,
            progress=None,
            result=None,
        ),
        retry=Retry(
            attempt=attempt,
            failures=attempt - 1,
            crashes=0,
            max_attempts=handler.max_attempts,
            backoff=handler.backoff,
            last_error=None,
            errors=[],
            errors_count=0,
        ),
        lineage=Lineage(
            children=[],
            children_count=0,
            **dict.fromkeys(("triggered_by", "parent_job", "pipeline_id", "pipeline_step", "cost_usd"), None),
        ),
    )
