"""Rows of events: what is selected, and the values made of them."""

from typing import Any, Final

import asyncpg
import msgspec

from jobstream.domain.event import Event, StoredEvent
from jobstream.store.rows import read_json

EVENT_COLUMNS: Final = """
    e.id, e.job_id, e.type, e.status, e.attempt, e.at, e.queue, e.kind, e.owner, e.pipeline_id, e.labels::text as labels,
    e.by, e.data::text as data, e.xid::text as xid
"""
"""An event's select list; `e` is `jobstream.job_events`."""

_encoder = msgspec.json.Encoder()


def stored_event(row: asyncpg.Record) -> StoredEvent:
    """The event for fan-out: its JSON is written here, once, with `data` as it stands in the table."""
    event = _event(row, msgspec.Raw(row["data"].encode()))
    return StoredEvent(
        event.id,
        int(row["xid"]),
        event.job_id,
        event.type,
        event.status,
        event.queue,
        event.kind,
        row["owner"],
        event.pipeline_id,
        event.labels,
        event.at,
        _encoder.encode(event),
    )


def event_from_row(row: asyncpg.Record) -> Event:
    """The event for Python code."""
    return _event(row, read_json(row["data"]))


def _event(row: asyncpg.Record, data: Any) -> Event:
    labels = row["labels"]
    return Event(
        id=row["id"],
        job_id=row["job_id"],
        type=row["type"],
        status=row["status"],
        attempt=row["attempt"],
        at=row["at"],
        queue=row["queue"],
        kind=row["kind"],
        pipeline_id=row["pipeline_id"],
        labels={} if labels == "{}" else read_json(labels),
        by=row["by"],
        data=data,
    )
