"""Workers and what they are told about their leases."""

from datetime import datetime
from typing import Any, Literal

from msgspec import Struct


class WorkerInfo(Struct, frozen=True, kw_only=True):
    """A worker as the database knows it. `seen` is its last heartbeat."""

    id: str
    host: str | None
    pid: int | None
    version: str | None
    queues: list[str]
    kinds: list[str]
    concurrency: int | None
    running: int
    cpu_percent: float | None
    memory_bytes: int | None
    started_at: datetime | None
    seen: datetime


class Renewal(Struct, frozen=True):
    """What a heartbeat says about one job. `lost`: drop the work; `cancel_requested`: stop it."""

    id: str
    lost: bool
    cancel_requested: bool


class Completion(Struct, frozen=True):
    """What became of one outcome. `status` is the job's afterwards, None where the lease was lost."""

    id: str
    status: str | None
    lost: bool


class Failure(Struct, frozen=True, kw_only=True):
    """An attempt that ended badly. `error`: text or {type, message, traceback}; `delay`: seconds to the next attempt,
    None for the job's own backoff."""

    id: str
    attempt: int
    error: Any
    retryable: bool = True
    delay: float | None = None


class Release(Struct, frozen=True, kw_only=True):
    """An attempt given back without a failure, due after `delay` seconds."""

    id: str
    attempt: int
    delay: float = 0.0


class Note(Struct, frozen=True, kw_only=True):
    """Something that a running attempt says: progress, a line of log, or an event of its own type.

    `data` is JSON text.
    """

    id: str
    attempt: int
    verb: Literal["progress", "log", "emit"]
    current: float | None = None
    total: float | None = None
    step: str | None = None
    message: str | None = None
    level: str = "info"
    type: str | None = None
    data: str | None = None
