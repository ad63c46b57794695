"""Tickets at the door: who comes with one, and what it admits (contract §2).

A ticket stands for its owner with the scope `read` and nothing else, and its filter holds whatever the request asks.
It lasts no longer than the token that asked for it: with that it is revoked.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from msgspec import structs

from jobstream.api.access import AnyConnection, Caller
from jobstream.api.local import check_local
from jobstream.api.problems import Rejected, TicketOver
from jobstream.api.streams.start import safe
from jobstream.domain.job import Job, JobFilter
from jobstream.domain.ticket import LONGEST, Ticket, TicketFilter, sign, verify
from jobstream.domain.token import Identity
from jobstream.errors import Forbidden, NotFound
from jobstream.store.events import EventFilter, EventStore
from jobstream.store.tickets import TicketStore
from jobstream.store.tokens import TokenStore

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_OF_JOBS: Final = ("queue", "kind", "job_id", "pipeline_id", "label")


class Tickets:
    """Makes tickets and judges them."""

    def __init__(self, *, store: TicketStore, tokens: TokenStore, events: EventStore, local: bool) -> None:
        """`local`: auth is off, and its rules hold for those who come with a ticket too."""
        self._store = store
        self._tokens = tokens
        self._events = events
        self._local = local

    async def issue(
        self, identity: Identity, *, owner: str, filter: TicketFilter, seconds: int
    ) -> tuple[str, datetime]:
        """A ticket's text, and when it expires. Raises Rejected for a filter that no URL can hold."""
        facts = await self._store.facts()
        expires_at = facts.now + timedelta(seconds=seconds)
        if identity.expires_at is not None:
            expires_at = min(expires_at, identity.expires_at)
        milliseconds = (expires_at - _EPOCH) // timedelta(milliseconds=1)
        ticket = Ticket(owner=owner, filter=filter, expires=milliseconds, token_id=identity.id)
        text = sign(ticket, facts.key)
        if len(text) > LONGEST:
            raise Rejected(
                f"the ticket would be longer than {LONGEST} characters: ask for less in its filter"
            )
        return text, _EPOCH + timedelta(milliseconds=milliseconds)

    async def admit(self, connection: AnyConnection, text: str, *, from_beginning: bool) -> Caller:
        """The caller behind a ticket. Raises Unauthorized; TicketOver for one that has expired or was revoked."""
        if self._local:
            check_local(connection)
        facts = await self._store.facts()
        ticket = verify(text, facts.key)
        expires_at = _EPOCH + timedelta(milliseconds=ticket.expires)
        seconds = (expires_at - facts.now).total_seconds()
        if seconds <= 0 or not await self._still_counts(ticket):
            raise TicketOver(await self._position(connection, from_beginning))
        identity = Identity(
            id=ticket.token_id, principal=ticket.owner, scopes=("read",), queues=None, expires_at=expires_at
        )
        return Caller(identity, ticket, seconds)

    async def _still_counts(self, ticket: Ticket) -> bool:
        return not ticket.token_id or bool(await self._tokens.valid([ticket.token_id]))

    async def _position(self, connection: AnyConnection, from_beginning: bool) -> str:
        """Where the client stands by its own word, else where its stream would have begun."""
        query = connection.query_params
        own = connection.headers.get("last-event-id") or query.get("last_event_id") or query.get("after")
        if own:
            return safe(str(own))
        if from_beginning:
            return await self._events.token(await self._events.start_earliest())
        return await self._events.token((await self._events.position()).cursor)


def within(ticket: Ticket | None, filter: EventFilter) -> EventFilter:
    """What of the filter the ticket admits. Raises Forbidden where that is nothing."""
    if ticket is None:
        return filter
    names: tuple[str, ...] = TicketFilter.__struct_fields__
    return structs.replace(filter, **_narrowed(ticket, filter, names))


def jobs_within(ticket: Ticket | None, filter: JobFilter) -> JobFilter:
    """The same for a question about jobs. Raises Forbidden for a ticket that is about single events."""
    if ticket is None:
        return filter
    _refuse_parts(ticket, "type", "status", "job_id")
    return structs.replace(filter, **_narrowed(ticket, filter, ("queue", "kind", "pipeline_id", "label")))


def check_job(ticket: Ticket | None, job: Job) -> None:
    """Raises NotFound for a job that the ticket does not admit."""
    if ticket is None:
        return
    _refuse_parts(ticket, "type", "status")
    # Read for the wire, labels are JSON yet.
    labels: dict[str, str] = msgspec.json.decode(msgspec.json.encode(job.spec.labels))
    of_job: dict[str, set[Any]] = {
        "queue": {job.spec.queue},
        "kind": {job.spec.kind},
        "job_id": {job.id},
        "pipeline_id": {job.lineage.pipeline_id},
        "label": set(labels.items()),
    }
    for name in _OF_JOBS:
        bound = getattr(ticket.filter, name)
        if bound and of_job[name].isdisjoint(bound):
            raise NotFound(f"no such job: {job.id}")


def _refuse_parts(ticket: Ticket, *names: str) -> None:
    for name in names:
        if getattr(ticket.filter, name):
            raise Forbidden(
                f"the ticket is bound to `{name}`, which this stream knows nothing of: take /events"
            )


def _narrowed(ticket: Ticket, filter: Any, names: tuple[str, ...]) -> dict[str, tuple[Any, ...]]:
    return {name: _both(name, getattr(filter, name), getattr(ticket.filter, name)) for name in names}


def _both(name: str, asked: tuple[Any, ...], bound: tuple[Any, ...]) -> tuple[Any, ...]:
    if not asked or not bound:
        return asked or bound
    both = tuple(value for value in asked if value in bound)
    # An event has many labels: of two that are each asked for once, one alone would say too little.
    if not both or (name == "label" and len(both) < len(asked)):
        raise Forbidden(f"{name}: the ticket does not reach this far")
    return both
