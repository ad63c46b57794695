"""Tickets for streams: what a server hands to its users' pages, which have no token."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from litestar import Controller, Response, post
from litestar.params import JSONBody
from msgspec import Meta, Struct

from jobstream.api.access import needs
from jobstream.api.dependencies import By, Shared
from jobstream.api.problems import Fault
from jobstream.api.requests import Body, Id, Owner
from jobstream.api.routes.bulk import Pair, StatusName
from jobstream.domain.ticket import TicketFilter

# A list is never empty: whoever may follow none of their things is not to be handed a ticket for all of them.
Texts = Annotated[list[str], Meta(min_length=1, max_length=100)]
Ids = Annotated[list[Id], Meta(min_length=1, max_length=100)]
Statuses = Annotated[list[StatusName], Meta(min_length=1, max_length=7)]
Pairs = Annotated[list[Pair], Meta(min_length=1, max_length=100)]


class EventFilterIn(Body, frozen=True, kw_only=True):
    """The names of `GET /events`; several values of one name mean or, different names and."""

    queue: Texts | str | None = None
    kind: Texts | str | None = None
    type: Texts | str | None = None
    status: Statuses | StatusName | None = None
    job_id: Ids | Id | None = None
    pipeline_id: Ids | Id | None = None
    label: Pairs | Pair | None = None


class AskTicket(Body, frozen=True, kw_only=True):
    """What may be followed, whose, and for how long. `owner` takes `operate`; without it, it is yourself."""

    filter: EventFilterIn = EventFilterIn()
    owner: Owner | None = None
    ttl_seconds: Annotated[int, Meta(ge=1, le=86_400)] = 3_600


class TicketOut(Struct, frozen=True, kw_only=True):
    """A ticket: `?ticket=` on streams, as often as one likes until it expires."""

    ticket: str
    expires_at: datetime


class TicketsController(Controller):
    """`/stream-tickets`."""

    path = "/stream-tickets"
    tags = ("events",)

    @post("/", status_code=201, opt=needs("read"))
    async def issue(
        self, services: Shared, caller: By, data: JSONBody[AskTicket | None] = None
    ) -> Response[TicketOut]:
        """Make a ticket, bound to an owner and a filter, that opens streams and nothing else."""
        asked = data or AskTicket()
        owner = caller.owner_for(asked.owner, place=Fault(pointer="/owner", detail="takes `operate`"))
        text, expires_at = await services.tickets.issue(
            caller.identity, owner=owner, filter=_filter(asked.filter), seconds=asked.ttl_seconds
        )
        made = TicketOut(ticket=text, expires_at=expires_at)
        return Response(made, status_code=201, headers={"Cache-Control": "no-store"})


def _filter(asked: EventFilterIn) -> TicketFilter:
    return TicketFilter(
        queue=_values(asked.queue),
        kind=_values(asked.kind),
        type=_values(asked.type),
        status=_values(asked.status),
        job_id=_values(asked.job_id),
        pipeline_id=_values(asked.pipeline_id),
        label=tuple(
            (name, value) for name, _, value in (pair.partition(":") for pair in _values(asked.label))
        ),
    )


def _values(asked: Sequence[str] | str | None) -> tuple[str, ...]:
    if asked is None:
        return ()
    return (asked,) if isinstance(asked, str) else tuple(asked)
