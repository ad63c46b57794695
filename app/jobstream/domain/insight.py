"""Figures about many jobs, as the dashboard shows them. Each is bounded in what it looks at and says how far that was."""

from datetime import datetime

from msgspec import Struct


class Bucket(Struct, frozen=True, kw_only=True):
    """What happened in one stretch of time. `failed`: attempts that failed; `dlq`: jobs that were set aside."""

    at: datetime
    enqueued: int
    done: int
    failed: int
    dlq: int


class Wait(Struct, frozen=True, kw_only=True):
    """Seconds from being due to being claimed, of first attempts that nothing held back."""

    at: datetime | None
    p50: float
    p95: float


class Stats(Struct, frozen=True, kw_only=True):
    """Throughput, failures and waits since a moment, in buckets of `step_seconds`; empty buckets are left out.

    `covered_since`: what happened before it was more than is looked at. `queues`: jobs done, (bucket, count) for each.
    """

    since: datetime
    until: datetime
    step_seconds: int
    covered_since: datetime
    buckets: list[Bucket]
    wait: Wait | None
    waits: list[Wait]
    queues: dict[str, list[tuple[datetime, int]]]


class ErrorGroup(Struct, frozen=True, kw_only=True):
    """Jobs that ended alike. `match`: text that all their errors begin with; `sample`: the newest of them."""

    kind: str
    reason: str
    match: str
    count: int
    first_at: datetime
    last_at: datetime
    sample: str
    sample_error: str | None


class ErrorGroups(Struct, frozen=True, kw_only=True):
    """Groups, the largest first. `examined` jobs were looked at; `complete`: there are no more."""

    items: list[ErrorGroup]
    examined: int
    complete: bool


class Check(Struct, frozen=True, kw_only=True):
    """One line of the view `health`."""

    name: str
    status: str
    detail: str


class Stuck(Struct, frozen=True, kw_only=True):
    """A job that should have moved on."""

    id: str
    queue: str
    kind: str
    status: str
    why: str
    since: datetime


class Health(Struct, frozen=True, kw_only=True):
    """What might be wrong; at most fifty stuck jobs."""

    checks: list[Check]
    stuck: list[Stuck]


class Deed(Struct, frozen=True, kw_only=True):
    """What somebody did in one transaction to one or many jobs. `sample`: one of them; `event_id`: the latest event."""

    at: datetime
    by: str
    type: str
    status: str | None
    count: int
    kinds: list[str]
    sample: str | None
    event_id: int


class BulkDeed(Struct, frozen=True, kw_only=True):
    """A bulk operation; `filter` is JSON text of it."""

    id: str
    action: str
    filter: str
    matched: int
    done: int
    skipped: int
    status: str
    by: str | None
    created_at: datetime
    completed_at: datetime | None


class Activity(Struct, frozen=True, kw_only=True):
    """What people did, the latest first; `next_before` goes on further back, None at the beginning of what is kept."""

    items: list[Deed]
    bulk: list[BulkDeed]
    next_before: int | None
