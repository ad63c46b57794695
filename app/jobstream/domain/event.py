"""Events: what happened to a job, as the stream shows it (contract §3)."""

import re
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

STORED_TYPES: Final = frozenset({"status", "progress", "log", "updated", "deleted", "pipeline"})
"""The types that the database writes by itself."""

CONTROL_TYPES: Final = frozenset({"hello", "heartbeat", "reset", "end", "overloaded", "summary"})
"""The types that only a stream sends; they are never stored."""

_BROWSER_TYPES: Final = frozenset({"message", "open", "error"})
_EMITTED = re.compile(r"[a-z][a-z0-9_.-]{0,63}\Z")


class Event(Struct, frozen=True, kw_only=True):
    """One stored event, exactly the JSON of its `data:` line. `status` is the job's after it.

    What belongs to a job is None in an event of a pipeline.
    """

    id: int
    job_id: str | None
    type: str
    status: str | None
    attempt: int | None
    at: datetime
    queue: str | None
    kind: str | None
    pipeline_id: str | None
    labels: dict[str, str]
    by: str | None
    data: Any


class StoredEvent(Struct, frozen=True):
    """One event as it is read for fan-out: what it is told apart by, and its JSON, encoded once.

    `json` is the `data:` line's value and holds no line break. `owner` and `xid`, the transaction that wrote it, are not
    part of it.
    """

    id: int
    xid: int
    job_id: str | None
    type: str
    status: str | None
    queue: str | None
    kind: str | None
    owner: str
    pipeline_id: str | None
    labels: dict[str, str]
    at: datetime
    json: bytes


def may_be_emitted(type: str) -> bool:
    """Whether a handler may emit events of that type."""
    return (
        _EMITTED.match(type) is not None
        and type not in STORED_TYPES
        and type not in CONTROL_TYPES
        and type not in _BROWSER_TYPES
    )
