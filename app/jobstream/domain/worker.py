"""Workers and what they are told about their leases."""

from datetime import datetime

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
