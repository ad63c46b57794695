"""Event streams: of one job, and of all that the caller may see (contract §3)."""

from typing import Annotated, Any

from litestar import Controller, Response, get
from litestar.di import NamedDependency, Provide
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, QueryParameter
from msgspec import structs

from jobstream.api.access import needs
from jobstream.api.answers import place, stream
from jobstream.api.dependencies import AnyRequest, By, JobId, Shared
from jobstream.api.negotiation import Form, stream_form
from jobstream.api.queries import (
    Label,
    Many,
    event_filter,
    read_from,
    read_id,
    read_moment,
    read_number,
    read_seconds,
)
from jobstream.api.services import Services
from jobstream.api.streams.job import JobStream
from jobstream.api.streams.many import ManyStream
from jobstream.api.streams.pages import job_page, page
from jobstream.api.streams.response import HEADERS
from jobstream.api.streams.start import Asked, job_start, start
from jobstream.api.tickets import check_job, within
from jobstream.domain.job import Job
from jobstream.store.events import EventFilter


def provide_asked(
    last_event_id: Annotated[
        str | None,
        HeaderParameter(
            name="Last-Event-ID", description="The last `id` that was dispatched: go on after it."
        ),
    ] = None,
    last_event_id_query: Annotated[
        str | None,
        QueryParameter(name="last_event_id", description="The same, for clients that cannot set headers."),
    ] = None,
    after: Annotated[
        str | None, QueryParameter(name="after", description="The same, by its name in JSON.")
    ] = None,
    since: Annotated[
        str | None,
        QueryParameter(name="since", description="Without a cursor: from there. RFC 3339 or ms since 1970."),
    ] = None,
    from_: Annotated[
        str | None, QueryParameter(name="from", description="Without a cursor: `earliest` or `now`.")
    ] = None,
) -> Asked:
    """Where the client wants to start; a cursor beats the rest."""
    return Asked(
        cursor=last_event_id or last_event_id_query or after or None,
        since=read_moment("since", since),
        from_=read_from(from_),
    )


def provide_filter(
    queue: Many = None,
    kind: Many = None,
    type: Many = None,
    status: Many = None,
    job_id: Many = None,
    pipeline_id: Many = None,
    label: Label = None,
    owner: Many = None,
) -> EventFilter:
    """Which events are asked for."""
    return event_filter(locals())


Credential = Annotated[
    str | None, QueryParameter(name="token", description="The token, for clients that cannot set headers.")
]
TicketText = Annotated[
    str | None, QueryParameter(name="ticket", description="A stream ticket, instead of a token.")
]
Wait = Annotated[str | None, QueryParameter(name="wait", description="JSON: seconds to wait, at most 30.")]
PageLimit = Annotated[str | None, QueryParameter(name="limit", description="JSON: events a page, 1 to 1000.")]

ASKED = Provide(provide_asked, sync_to_thread=False)
STREAM = {
    204: ResponseSpec(None, description="The job has ended and everything was sent: do not come back."),
}


class EventsController(Controller):
    """Streams."""

    tags = ("events",)

    @get(
        "/jobs/{id:str}/events",
        opt=needs("read", stream=True),
        dependencies={"asked": ASKED},
        responses=STREAM,
    )
    async def of_job(
        self,
        request: AnyRequest,
        services: Shared,
        caller: By,
        asked: NamedDependency[Asked],
        id: JobId,
        limit: PageLimit = None,
        wait: Wait = None,
        token: Credential = None,
        ticket: TicketText = None,
    ) -> Response[Any]:
        """The job's whole history, then what happens, until it has ended."""
        job = await services.jobs.get(read_id(id), owner=caller.owner)
        check_job(caller.ticket, job)
        async with services.backfills.turn():
            begin = await job_start(services.events, services.backfills.recent, job.id, asked)
        seconds = read_seconds("wait", wait, request.headers.get("prefer"), most=30.0)
        most = page_limit(limit)
        if stream_form(request.headers.get("accept")) is Form.JSON:
            async with place(services, caller, seconds):
                return as_json(await job_page(services, job, begin, limit=most, seconds=seconds))
        if asked.cursor is not None and begin.reset is None and await _is_over(services, job, begin.position):
            return Response(None, status_code=204, headers=HEADERS)
        script = JobStream(
            jobs=services.jobs,
            events=services.events,
            feed=services.feed,
            backfills=services.backfills,
            job=job,
            start=begin,
        )
        return stream(services, caller, script)

    @get(
        "/events",
        opt=needs("read", stream=True),
        dependencies={"asked": ASKED, "filter": Provide(provide_filter, sync_to_thread=False)},
    )
    async def of_all(
        self,
        request: AnyRequest,
        services: Shared,
        caller: By,
        asked: NamedDependency[Asked],
        filter: NamedDependency[EventFilter],
        limit: PageLimit = None,
        wait: Wait = None,
        token: Credential = None,
        ticket: TicketText = None,
    ) -> Response[Any]:
        """What happens to the jobs that the filter admits, from now on unless asked otherwise."""
        filter = within(caller.ticket, structs.replace(filter, owner=caller.owners_among(filter.owner)))
        async with services.backfills.turn():
            begin = await start(services.events, services.backfills.recent, asked)
        seconds = read_seconds("wait", wait, request.headers.get("prefer"), most=30.0)
        most = page_limit(limit)
        if stream_form(request.headers.get("accept")) is Form.JSON:
            async with place(services, caller, seconds):
                return as_json(await page(services, filter, begin, limit=most, seconds=seconds))
        script = ManyStream(
            events=services.events,
            feed=services.feed,
            backfills=services.backfills,
            filter=filter,
            start=begin,
        )
        return stream(services, caller, script)


async def _is_over(services: Services, job: Job, position: int) -> bool:
    """Whether the client has all that there will be. The job was read first, so nothing before its end is missed."""
    return job.status.terminal and not await services.events.job_events(job.id, after=position, limit=1)


def as_json(body: bytes) -> Response[Any]:
    """A page of events that is JSON already."""
    return Response(body, media_type="application/json", headers=HEADERS)


def page_limit(text: str | None) -> int:
    """How many events a page has at most."""
    return read_number("limit", text, 100, 1, 1_000)
