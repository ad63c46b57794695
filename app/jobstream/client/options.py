"""What may be said about a job when it is enqueued, and how that becomes a request."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, TypedDict

import msgspec

from jobstream.client.handle import JobHandle
from jobstream.domain.backoff import Backoff
from jobstream.domain.definition import JobDefinition
from jobstream.domain.job import NewJob
from jobstream.domain.payload import encode_payload
from jobstream.errors import ErrorDetail, InvalidArgument
from jobstream.tracing import current_traceparent


class EnqueueOptions(TypedDict, total=False):
    """What is not given comes from the job's declaration, then from the database's defaults.

    `delay` and `timeout` in seconds or as a timedelta; `scheduled_at` and `deadline` with a time zone. `owner` is for those who may act
    for others.
    """

    queue: str
    priority: int
    delay: float | timedelta | None
    scheduled_at: datetime | None
    deadline: datetime | None
    idempotency_key: str | None
    max_attempts: int
    backoff: Backoff | None
    timeout: float | timedelta | None
    labels: Mapping[str, str] | None
    concurrency_key: str | None
    unique: Literal["pending", "active"] | None
    unique_key: str | None
    await_jobs: Sequence[str | JobHandle[Any]] | None
    await_for: Literal["done", "ended"] | None
    owner: str
    triggered_by: str | None
    parent_job: str | JobHandle[Any] | None
    traceparent: str | None


def new_job(job: JobDefinition[Any, Any] | str, args: Any, options: EnqueueOptions) -> NewJob:
    """The request for a job by its declaration or its kind. Raises InvalidArgument, TooLarge."""
    values: dict[str, Any] = dict(options)
    if isinstance(job, str):
        values |= {"kind": job, "args": msgspec.Raw(encode_payload({} if args is None else args))}
    else:
        declared = {
            "queue": job.queue,
            "priority": job.priority,
            "max_attempts": job.max_attempts,
            "backoff": job.backoff,
            "timeout": job.timeout,
        }
        values = declared | values | {"kind": job.name, "args": msgspec.Raw(job.encode_args(args))}
    if "timeout" in values:
        values["timeout_seconds"] = _whole_seconds(_seconds(values.pop("timeout")))
    if "delay" in values:
        values["delay"] = _seconds(values["delay"])
    if "unique" in values:
        values["unique_for"] = values.pop("unique")
    if values.get("labels") is not None:
        values["labels"] = dict(values["labels"])
    if values.get("await_jobs") is not None:
        values["await_jobs"] = [_id(awaited) for awaited in values["await_jobs"]]
    if values.get("parent_job") is not None:
        values["parent_job"] = _id(values["parent_job"])
    if values.get("traceparent") is None:
        values["traceparent"] = current_traceparent()
    return NewJob(**values)


def _seconds(given: Any) -> Any:
    return given.total_seconds() if isinstance(given, timedelta) else given


def _whole_seconds(timeout: Any) -> int | None:
    if timeout is None:
        return None
    if not (isinstance(timeout, (int, float)) and 0 < timeout < math.inf):
        raise InvalidArgument(
            "timeout must be a number of seconds above 0", detail=ErrorDetail(field="timeout_seconds")
        )
    return math.ceil(timeout)


def _id(job: "str | JobHandle[Any]") -> str:
    return job if isinstance(job, str) else job.id
