"""Requests for new jobs on their way to the database."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec

from jobstream.domain.job import NewJob
from jobstream.domain.payload import encode_payload, find_unstorable
from jobstream.domain.pipeline import NewStep
from jobstream.errors import ErrorDetail, InvalidArgument, JobStreamError


def encode_jobs(jobs: Sequence[NewJob]) -> str:
    """The jobs as `jobstream.enqueue_many` reads them. An error's `detail.ordinal` names the one at fault."""
    checked = []
    for ordinal, job in enumerate(jobs, 1):
        try:
            checked.append(_with_checked_args(job))
        except JobStreamError as error:
            error.detail = msgspec.structs.replace(error.detail or ErrorDetail(), ordinal=ordinal)
            raise
    try:
        return msgspec.json.encode(checked).decode()
    except UnicodeEncodeError as error:
        raise _fault(jobs) or error from error


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


def _with_checked_args(job: NewJob) -> NewJob:
    for field in ("scheduled_at", "deadline"):
        moment = getattr(job, field)
        if moment is not None and moment.tzinfo is None:
            raise InvalidArgument(f"{field} needs a time zone", detail=ErrorDetail(field=field))
    if isinstance(job.args, msgspec.Raw) or not job.args:
        return job
    return msgspec.structs.replace(job, args=msgspec.Raw(encode_payload(job.args)))


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
