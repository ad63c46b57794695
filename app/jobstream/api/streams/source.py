"""The hub's source: the store's events, each encoded once."""

from typing import Final

from msgspec import Struct

from jobstream.api.streams import blocks
from jobstream.domain.cursor import Cursor, Tokens
from jobstream.domain.event import StoredEvent
from jobstream.hub import Facets, Interest, Message, Step
from jobstream.store.events import Batch, EventFilter, EventStore, Reset, ResetReason

DIMENSIONS: Final = ("job_id", "pipeline_id", "label", "owner", "kind", "queue", "type", "status")
"""What events are asked for by, the most selective first."""


class Place(Struct, frozen=True):
    """A position in the stream of all events, and the token that says it to a client."""

    cursor: Cursor
    token: str


class StoredEvents:
    """Reads what the hub passes on."""

    def __init__(self, events: EventStore) -> None:
        """Holds no position of its own."""
        self._events = events

    async def now(self) -> Place:
        """After everything that is visible."""
        cursor = (await self._events.position()).cursor
        return Place(cursor, await self._events.token(cursor))

    async def step(self, place: Place) -> Step[Place] | None:
        """The next events of all jobs; None where the epoch changed or what follows was pruned."""
        batch = await self._events.step(place.cursor)
        if isinstance(batch, Reset):
            if batch.reason is ResetReason.EPOCH:
                await self._events.enter_epoch()
            return None
        epoch, seen, upto = batch.cursor.epoch, place.cursor.seen, batch.cursor.upto or batch.cursor.seen
        return Step(
            [message(event, batch.tokens) for event in batch.events],
            Place(batch.cursor, place.token if batch.token is None else batch.token),
            lambda message: Place(Cursor(epoch, seen, upto, message.number), message.token),
            _target(batch),
        )

    async def muted(self) -> bool:
        """Whether a transaction that rang early keeps the others silent."""
        return await self._events.bell_is_held()


def message(event: StoredEvent, tokens: Tokens) -> Message:
    """An event as the hub passes it on."""
    head, token = blocks.event_head(event), tokens.at(event.id)
    return Message(
        number=event.id,
        xid=event.xid,
        token=token,
        facets=facets(event),
        own=head + blocks.tail(str(event.id)),
        shared=head + blocks.tail(token),
    )


def facets(event: StoredEvent) -> Facets:
    """What an event can be asked for by."""
    return {
        "job_id": _one(event.job_id),
        "pipeline_id": _one(event.pipeline_id),
        "label": tuple(_label(name, value) for name, value in event.labels.items()),
        "owner": (event.owner,),
        "kind": _one(event.kind),
        "queue": _one(event.queue),
        "type": (event.type,),
        "status": _one(event.status),
    }


def _one(value: str | None) -> tuple[str, ...]:
    return () if value is None else (value,)


def interest(filter: EventFilter) -> Interest:
    """The same question, asked of the hub instead of the table."""
    wanted = {name: frozenset(getattr(filter, name)) for name in DIMENSIONS if name != "label"}
    wanted["label"] = frozenset(_label(name, value) for name, value in filter.label)
    return Interest({name: values for name, values in wanted.items() if values})


def _target(batch: Batch) -> Place | None:
    if not batch.more or batch.cursor.upto is None:
        return None
    return Place(Cursor(batch.cursor.epoch, batch.cursor.upto), batch.tokens.end)


def _label(name: str, value: str) -> str:
    # NUL, because a colon may be part of either.
    return f"{name}\0{value}"
