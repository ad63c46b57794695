"""Server-sent events as bytes: one block an event, `id:` last."""

import random

import msgspec

from jobstream.domain.event import StoredEvent

MEDIA_TYPE = "text/event-stream"
_encoder = msgspec.json.Encoder()


def head(type: str, data: bytes) -> bytes:
    """A block up to its `id:` line. `data` is JSON without a line break."""
    return b"event: %b\ndata: %b\n" % (type.encode(), data)


def tail(id: str) -> bytes:
    """The `id:` line, and the end of the block."""
    return b"id: %b\n\n" % id.encode()


def control(type: str, data: object, *, id: str | None) -> bytes:
    """A block that is not stored; `overloaded` and `summary` go without an id."""
    return head(type, _encoder.encode(data)) + (b"\n" if id is None else tail(id))


def event_head(event: StoredEvent) -> bytes:
    """A stored event's block up to its `id:` line."""
    return head(event.type, event.json)


def retry(milliseconds: int = 2_000, *, spread: float = 0.5) -> bytes:
    """The field that says when to come back, each client at its own time.

    It leads the first block instead of being one: a block with nothing but `retry:` is an empty event to httpx-sse.
    """
    return b"retry: %d\n" % spread_out(milliseconds, spread)


def overloaded(milliseconds: int = 5_000) -> bytes:
    """The block that asks to come back later, each client at its own time; the stream closes after it."""
    again = spread_out(milliseconds, 0.5)
    return b"retry: %d\n%b" % (again, control("overloaded", {"retry_ms": again}, id=None))


def spread_out(value: float, share: float) -> int:
    """The value, more or less by up to that share."""
    return round(value * (1 + share * (2 * random.random() - 1)))
