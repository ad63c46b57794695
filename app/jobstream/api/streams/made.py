"""A `status` event made from a job's row, where the stored one is gone (contract §3)."""

from typing import Any, Final

import msgspec

from jobstream.domain.event import Event
from jobstream.domain.job import Job, Status

_MOST: Final = 8 * 1024
"""Bytes of a result that an event carries."""


def status_event(job: Job, id: int) -> bytes:
    """The event's JSON: where the job stands, as if it had just been said."""
    return msgspec.json.encode(
        Event(
            id=id,
            job_id=job.id,
            type="status",
            status=job.status,
            attempt=job.retry.attempt,
            at=job.lifecycle.completed_at or job.lifecycle.started_at or job.lifecycle.created_at,
            queue=job.spec.queue,
            kind=job.spec.kind,
            pipeline_id=job.lineage.pipeline_id,
            labels=job.spec.labels,
            by=None,
            data=_data(job),
        )
    )


def _data(job: Job) -> dict[str, Any]:
    data: dict[str, Any] = {"from": None, "reason": job.lifecycle.reason}
    match job.status:
        case Status.DONE if len(msgspec.json.encode(job.lifecycle.result)) > _MOST:
            data["result_omitted"] = True
        case Status.DONE:
            data["result"] = job.lifecycle.result
        case Status.FAILED | Status.DLQ | Status.CANCELLED:
            data["error"] = job.retry.last_error
    return data
