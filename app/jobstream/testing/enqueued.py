"""What was enqueued, said in one line of a test."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from jobstream.client import Client, SyncClient
from jobstream.domain.definition import JobDefinition
from jobstream.domain.job import Job, JobFilter

_ANY: Final[Any] = object()
_SHOWN: Final = 5


async def assert_enqueued(
    client: Client, job: JobDefinition[Any, Any] | str, args: Any = _ANY, **expected: Any
) -> Job:
    """The newest job of that kind with those arguments, whatever became of it; AssertionError if there is none.

    `expected` are further fields, by their names in `spec`, `scheduling`, `lifecycle`, `retry` and `lineage`, such as
    `queue="images"`; `labels` need only be among the job's. The last 200 jobs of the kind are looked at.
    """
    wanted = JobFilter(kind=(_kind(job),))
    return _one((await client.list(wanted, limit=200)).items, job, args, expected)


async def refute_enqueued(
    client: Client, job: JobDefinition[Any, Any] | str, args: Any = _ANY, **expected: Any
) -> None:
    """AssertionError if there is such a job; see `assert_enqueued`."""
    wanted = JobFilter(kind=(_kind(job),))
    _none((await client.list(wanted, limit=200)).items, job, args, expected)


def assert_enqueued_sync(
    client: SyncClient, job: JobDefinition[Any, Any] | str, args: Any = _ANY, **expected: Any
) -> Job:
    """`assert_enqueued` for tests without an event loop."""
    return _one(client.list(JobFilter(kind=(_kind(job),)), limit=200).items, job, args, expected)


def refute_enqueued_sync(
    client: SyncClient, job: JobDefinition[Any, Any] | str, args: Any = _ANY, **expected: Any
) -> None:
    """`refute_enqueued` for tests without an event loop."""
    _none(client.list(JobFilter(kind=(_kind(job),)), limit=200).items, job, args, expected)


def _kind(job: JobDefinition[Any, Any] | str) -> str:
    return job if isinstance(job, str) else job.name


def _one(jobs: Iterable[Job], job: JobDefinition[Any, Any] | str, args: Any, expected: dict[str, Any]) -> Job:
    found = list(jobs)
    matching = _matching(found, job, args, expected)
    if matching:
        return matching[0]
    wanted = _described(args, expected)
    there = "; ".join(f"{each.status} {each.spec.args!r}" for each in found[:_SHOWN]) or "none"
    raise AssertionError(f"no job {_kind(job)!r} was enqueued{wanted}; there is: {there}")


def _none(
    jobs: Iterable[Job], job: JobDefinition[Any, Any] | str, args: Any, expected: dict[str, Any]
) -> None:
    matching = _matching(jobs, job, args, expected)
    if matching:
        raise AssertionError(
            f"job {_kind(job)!r} was enqueued{_described(args, expected)}: {matching[0].id} with {matching[0].spec.args!r}"
        )


def _matching(
    jobs: Iterable[Job], job: JobDefinition[Any, Any] | str, args: Any, expected: dict[str, Any]
) -> list[Job]:
    wanted = _ANY if args is _ANY else _as_json(job, args)
    return [
        each
        for each in jobs
        if (wanted is _ANY or each.spec.args == wanted)
        and all(_agrees(_field(each, name), value) for name, value in expected.items())
    ]


def _as_json(job: JobDefinition[Any, Any] | str, args: Any) -> Any:
    encoded = msgspec.json.encode(args) if isinstance(job, str) else job.encode_args(args)
    return msgspec.json.decode(encoded)


def _field(job: Job, name: str) -> Any:
    for part in (job.spec, job.scheduling, job.lifecycle, job.retry, job.lineage, job):
        if name in part.__struct_fields__:
            return getattr(part, name)
    raise TypeError(f"a job has no field {name!r}")


def _agrees(value: Any, wanted: Any) -> bool:
    if isinstance(value, dict) and isinstance(wanted, dict):
        return wanted.items() <= value.items()
    return bool(value == wanted)


def _described(args: Any, expected: dict[str, Any]) -> str:
    parts = ([] if args is _ANY else [f"args {args!r}"]) + [
        f"{name}={value!r}" for name, value in expected.items()
    ]
    return f" with {', '.join(parts)}" if parts else ""
