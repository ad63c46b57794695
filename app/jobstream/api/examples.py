"""Examples for the OpenAPI document, one a shape: what a body looks like that somebody would send, and what comes back.

They tell one story: a shop makes thumbnails of what its users upload.
"""

from typing import Any, Final

from msgspec import Struct

from jobstream.api import requests
from jobstream.api.routes import bulk, queues, schedules, session, tickets
from jobstream.api.streams.pages import EventPage
from jobstream.domain.job import Enqueued, Job, Outcome, Summary
from jobstream.domain.pipeline import PipelineCreated

_JOB: Final = "01KJ7ZQ4T80000000021GB9C3D"
_NEXT: Final = "01KJ7ZQ4T90000000022H4T7WX"
_PIPELINE: Final = "01KJ7ZQ4T70000000020MVE5RN"
_MADE: Final = "2026-03-01T10:00:00.000000Z"
_BEGUN: Final = "2026-03-01T10:00:01.250000Z"
_ENDED: Final = "2026-03-01T10:00:09.500000Z"
_SPEC: Final = {"kind": "thumbnail", "args": {"path": "uploads/cat.png", "width": 320}, "queue": "images"}
_PROGRESS: Final = {"current": 50, "total": 100, "percent": 50.0, "step": "resize", "eta_secs": 8}

EXAMPLES: Final[dict[type[Struct], Any]] = {
    requests.CreateJob: {
        "spec": {**_SPEC, "labels": {"user": "ada"}},
        "scheduling": {"delay_seconds": 60},
        "retry": {"max_attempts": 5, "backoff": {"type": "exponential", "base": 5, "max": 120}},
        "timeout_seconds": 30,
    },
    requests.CreateBatch: {
        "items": [
            {"spec": _SPEC, "idempotency_key": "thumbnail-cat-320"},
            {"spec": {**_SPEC, "args": {"path": "uploads/dog.png", "width": 320}}},
        ]
    },
    requests.CreatePipeline: {
        "name": "import",
        "steps": [
            {"key": "fetch", "spec": {"kind": "fetch", "args": {"url": "https://shop.example/feed"}}},
            {"key": "parse", "spec": {"kind": "parse"}, "after": ["fetch"]},
            {"key": "report", "spec": {"kind": "report"}, "after": ["fetch", "parse"], "await_for": "ended"},
        ],
    },
    requests.Cancel: {"force": True},
    requests.Reschedule: {"at": "2030-01-01T03:00:00Z"},
    requests.Claim: {"queues": ["images", "default"], "worker": "thumbnails-1", "limit": 10, "wait": 20},
    requests.Heartbeat: {"attempt": 1, "lease_seconds": 30},
    requests.ProgressIn: {"attempt": 1, "current": 50, "total": 100, "step": "resize"},
    requests.LogIn: {"attempt": 1, "message": "the picture has no colour profile", "level": "warning"},
    requests.Emit: {"attempt": 1, "type": "thumbnail.stored", "data": {"url": "/thumbnails/cat-320.png"}},
    requests.Complete: {"attempt": 1, "result": {"url": "/thumbnails/cat-320.png"}, "cost_usd": 0.0004},
    requests.Fail: {
        "attempt": 1,
        "error": {"type": "FileNotFoundError", "message": "uploads/cat.png is not there"},
        "retryable": False,
    },
    requests.Release: {"attempt": 1, "delay_seconds": 10},
    bulk.StartBulk: {
        "filter": {"status": "dlq", "kind": ["thumbnail"], "label": "user:ada"},
        "dry_run": True,
    },
    queues.SetQueue: {"paused": False, "max_running": 20, "rate_limit": {"count": 100, "per_seconds": 60}},
    schedules.PutSchedule: {
        "cron": "0 3 * * *",
        "timezone": "Europe/Rome",
        "spec": {"kind": "nightly", "queue": "reports"},
        "catch_up": "last",
    },
    session.SignIn: {"token": "jst_01KJ7ZQ4T60000000019PA2SBM_c0ffee"},
    tickets.AskTicket: {"filter": {"queue": "images", "label": ["user:ada"]}, "ttl_seconds": 600},
    Enqueued: {"id": _JOB, "status": "pending", "idempotent": False},
    Outcome: {"id": _JOB, "status": "cancelled"},
    PipelineCreated: {"id": _PIPELINE, "jobs": {"fetch": _JOB, "parse": _NEXT}, "idempotent": False},
    Summary: {
        "is_running": True,
        "counts": {
            "waiting": 2,
            "pending": 1,
            "running": 1,
            "failed": 0,
            "done": 4711,
            "dlq": 0,
            "cancelled": 3,
        },
        "current": [{"id": _JOB, "kind": "thumbnail", "progress": _PROGRESS}],
    },
    EventPage: {
        "items": [
            {
                "id": 4711,
                "job_id": _JOB,
                "type": "progress",
                "status": "running",
                "attempt": 1,
                "at": "2026-03-01T10:00:02.000000Z",
                "queue": "images",
                "kind": "thumbnail",
                "pipeline_id": None,
                "labels": {"user": "ada"},
                "by": None,
                "data": _PROGRESS,
            }
        ],
        "next_cursor": "g1.KfJ_Waq3.ywk",
        "reset": None,
        "complete": True,
    },
    Job: {
        "id": _JOB,
        "owner": "shop",
        "timeout_seconds": 30,
        "idempotency_key": "thumbnail-cat-320",
        "spec": {
            **_SPEC,
            "priority": 0,
            "labels": {"user": "ada"},
            "concurrency_key": None,
            "unique": None,
            "unique_key": None,
            "class": None,
            "mode": None,
            "scope": None,
        },
        "scheduling": {
            "trigger": "demand",
            "scheduled_at": None,
            "await_jobs": None,
            "await_for": "done",
            "deadline": None,
            "cron_expr": None,
        },
        "lifecycle": {
            "status": "done",
            "reason": None,
            "created_at": _MADE,
            "started_at": _BEGUN,
            "completed_at": _ENDED,
            "lease_until": None,
            "worker": None,
            "cancel_requested": False,
            "progress": _PROGRESS,
            "result": {"url": "/thumbnails/cat-320.png"},
        },
        "retry": {
            "attempt": 1,
            "failures": 0,
            "crashes": 0,
            "max_attempts": 5,
            "backoff": {"type": "exponential", "base": 5, "max": 120, "jitter": 0.1},
            "last_error": None,
            "errors": [],
            "errors_count": 0,
        },
        "lineage": {
            "triggered_by": None,
            "parent_job": None,
            "pipeline_id": None,
            "pipeline_step": None,
            "children": [],
            "children_count": 0,
            "cost_usd": 0.0004,
        },
    },
}


def add_examples(document: dict[str, Any]) -> None:
    """Writes each example beside its shape, wherever that is referred to."""
    shapes = document["components"]["schemas"]
    for shape, example in EXAMPLES.items():
        shapes[shape.__name__]["examples"] = [example]
