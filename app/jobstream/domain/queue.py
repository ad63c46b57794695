"""A queue as a value: what stands in it, and its settings."""

from datetime import datetime

from msgspec import UNSET, Struct, UnsetType


class RateLimit(Struct, frozen=True, kw_only=True):
    """At most `count` claims in `per_seconds`."""

    count: int
    per_seconds: int


class Queue(Struct, frozen=True, kw_only=True):
    """A queue, also one that only has jobs and no settings of its own. `counts` by status; those of ended jobs only for `dlq`."""

    name: str
    counts: dict[str, int]
    oldest_pending_seconds: float | None
    paused: bool
    paused_by: str | None
    paused_at: datetime | None
    max_running: int | None
    key_limit: int
    rate_limit: RateLimit | None
    retention_days: int


class QueueChange(Struct, frozen=True, kw_only=True):
    """What is to be set; UNSET stays as it is, None takes a limit away."""

    paused: bool | UnsetType = UNSET
    max_running: int | UnsetType | None = UNSET
    key_limit: int | UnsetType = UNSET
    rate_limit: RateLimit | UnsetType | None = UNSET
    retention_days: int | UnsetType = UNSET
