"""Streams of what is more than one job: a pipeline, a bulk operation. They end when that has ended."""

from typing import Any

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec

from jobstream.api.access import Caller, needs
from jobstream.api.answers import place, stream
from jobstream.api.dependencies import AnyRequest, By, JobId, Shared
from jobstream.api.negotiation import Form, stream_form
from jobstream.api.queries import read_id, read_seconds
from jobstream.api.routes.events import (
    ASKED,
    Credential,
    PageLimit,
    TicketText,
    Wait,
    as_json,
    page_limit,
)
from jobstream.api.streams.bulk import BulkStream, bulk_page, position_of
from jobstream.api.streams.pages import page
from jobstream.api.streams.pipeline import PipelineStream, is_over, pipeline_start
from jobstream.api.streams.response import HEADERS
from jobstream.api.streams.start import Asked
from jobstream.api.tickets import within
from jobstream.errors import Forbidden
from jobstream.store.bulk import BulkStore
from jobstream.store.events import EventFilter
from jobstream.store.pipelines import PipelineStore

STREAM = {204: ResponseSpec(None, description="It has ended and everything was sent: do not come back.")}


class FollowedController(Controller):
    """`/pipelines/{id}/events`, `/bulk/{id}/events`."""

    tags = ("events",)

    @get(
        "/pipelines/{id:str}/events",
        opt=needs("read", stream=True),
        dependencies={"asked": ASKED},
        responses=STREAM,
    )
    async def of_pipeline(
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
        """The pipeline's whole history, its jobs' and its own, then what happens, until it has ended."""
        pipelines = PipelineStore(services.database)
        pipeline = await pipelines.look(read_id(id), owner=caller.owner)
        filter = _of_pipeline(caller, pipeline.id)
        async with services.backfills.turn():
            begin = await pipeline_start(
                services.events, services.backfills.recent, pipelines, pipeline, asked
            )
        seconds = read_seconds("wait", wait, request.headers.get("prefer"), most=30.0)
        most = page_limit(limit)
        if stream_form(request.headers.get("accept")) is Form.JSON:
            async with place(services, caller, seconds):
                return as_json(await page(services, filter, begin, limit=most, seconds=seconds))
        came_back = asked.cursor is not None and begin.reset is None
        if came_back and await is_over(services.events, pipelines, filter, begin):
            return Response(None, status_code=204, headers=HEADERS)
        script = PipelineStream(
            events=services.events,
            pipelines=pipelines,
            feed=services.feed,
            backfills=services.backfills,
            filter=filter,
            start=begin,
        )
        return stream(services, caller, script)

    @get(
        "/bulk/{id:str}/events",
        opt=needs("read", stream=True),
        dependencies={"asked": ASKED},
        responses=STREAM,
    )
    async def of_bulk(
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
        """How far the operation is, at once and whenever it got further, until it is through."""
        if caller.ticket is not None:
            raise Forbidden("a ticket opens no operation's stream")
        store = BulkStore(services.database)
        bulk = await store.get(read_id(id), owner=caller.owner)
        read_seconds("wait", wait, None, most=30.0)
        page_limit(limit)
        if stream_form(request.headers.get("accept")) is Form.JSON:
            return as_json(bulk_page(bulk, asked.cursor))
        if bulk.completed_at is not None and asked.cursor == position_of(bulk):
            return Response(None, status_code=204, headers=HEADERS)
        return stream(services, caller, BulkStream(store=store, bulk=bulk, draining=services.draining))


def _of_pipeline(caller: Caller, id: str) -> EventFilter:
    return within(caller.ticket, EventFilter(pipeline_id=(id,), owner=caller.owners_among(())))
