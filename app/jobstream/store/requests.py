"""Requests for new jobs on their way to the database."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

import msgspec

from jobstream.domain.job import NewJob
from jobstream.domain.payload import encode_payload, find_unstorable
from jobstream.domain.pipeline import NewStep
from jobstream.errors import ErrorDetail, InvalidArgument, JobStreamError


def encode_jobs(jobs: Sequence[NewJob]) -> str:
    """The jobs as `jobstream.enqueue_many` reads them. An error's `detail.ordinal` names the one at fault."""
    try:
        return msgspec.json.encode(checked_jobs(jobs)).decode()
    except UnicodeEncodeError as error:
        raise _fault(jobs) or error from error


def checked_jobs(jobs: Sequence[NewJob]) -> list[NewJob]:
    """The jobs with arguments that can be stored, and nothing in them that JSON would make something else of."""
    checked = []
    for ordinal, job in enumerate(jobs, 1):
        try:
            checked.append(_checked(job))
        except JobStreamError as error:
            error.detail = msgspec.structs.replace(error.detail or ErrorDetail(), ordinal=ordinal)
            raise
    return checked


def encode_steps(steps: Sequence[NewStep]) -> str:
    """The steps as `jobstream.create_pipeline` reads them: jobs with a key and what they come after."""
    jobs: list[dict[str, msgspec.Raw]] = msgspec.json.decode(
        encode_jobs([step.job for step in steps]), type=list[dict[str, msgspec.Raw]]
    )
    flat = [
        {
            **job,
            "key": msgspec.Raw(msgspec.json.encode(step.key)),
            "after": msgspec.Raw(msgspec.json.encode(step.after)),
        }
        for job, step in zip(jobs, steps, strict=True)
    ]
    return msgspec.json.encode(flat).decode()


def _checked(job: NewJob) -> NewJob:
    for field in ("scheduled_at", "deadline"):
        moment = getattr(job, field)
        if moment is not None and (not isinstance(moment, datetime) or moment.tzinfo is None):
            raise InvalidArgument(
                f"{field} must be a datetime with a time zone", detail=ErrorDetail(field=field)
            )
    if job.delay is not None and not _is_finite(job.delay):
        raise InvalidArgument("delay must be a number of seconds", detail=ErrorDetail(field="delay"))
    if isinstance(job.args, msgspec.Raw) or not job.args:
        return job
    return msgspec.structs.replace(job, args=msgspec.Raw(encode_payload(job.args)))


def _is_finite(value: object) -> bool:
    """JSON has no other numbers: they would be written as null, and so mean no delay."""
    return isinstance(value, (int, float)) and math.isfinite(value)


@contextmanager
def point_at_fault(jobs: Sequence[NewJob]) -> Iterator[None]:
    """Where the parser of jsonb refuses all jobs without a word on which, raises an error that names it."""
    try:
        yield
    except InvalidArgument as error:
        found = _fault(jobs) if error.detail is None else None
        if found is None:
            raise
        raise found from error


def _fault(jobs: Sequence[NewJob]) -> InvalidArgument | None:
    for ordinal, job in enumerate(jobs, 1):
        found = find_unstorable(job)
        if found is not None:
            pointer, what = found
            _, name, *rest = pointer.split("/")
            field = "class" if name == "class_" else name
            return InvalidArgument(
                f"{field}: {what} cannot be stored",
                detail=ErrorDetail(
                    ordinal=ordinal, field=field, pointer="".join(f"/{part}" for part in rest)
                ),
            )
    return None
