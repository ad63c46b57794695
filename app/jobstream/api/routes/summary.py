"""Is something running? For a button that is to be disabled meanwhile."""

from typing import Annotated, Any

from litestar import Controller, Response, get
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter

from jobstream.api.access import needs
from jobstream.api.answers import stream
from jobstream.api.dependencies import AnyRequest, By, Shared
from jobstream.api.negotiation import wants
from jobstream.api.queries import Label, Many, read_ids, read_labels, several
from jobstream.api.streams.blocks import MEDIA_TYPE
from jobstream.api.streams.summary import SummaryStream
from jobstream.api.tickets import jobs_within
from jobstream.domain.job import JobFilter


def provide_filter(
    queue: Many = None, kind: Many = None, pipeline_id: Many = None, label: Label = None
) -> JobFilter:
    """Which jobs are asked for."""
    return JobFilter(
        queue=several(queue),
        kind=several(kind),
        pipeline_id=read_ids("pipeline_id", pipeline_id),
        label=read_labels(label),
    )


class SummaryController(Controller):
    """`/summary`."""

    path = "/summary"
    tags = ("events",)

    @get(
        "/",
        opt=needs("read", stream=True, by_name=True),
        dependencies={"asked": Provide(provide_filter, sync_to_thread=False)},
    )
    async def show(
        self,
        request: AnyRequest,
        services: Shared,
        caller: By,
        asked: NamedDependency[JobFilter],
        token: Annotated[
            str | None,
            QueryParameter(name="token", description="The token, for clients that cannot set headers."),
        ] = None,
        ticket: Annotated[
            str | None, QueryParameter(name="ticket", description="A stream ticket, instead of a token.")
        ] = None,
    ) -> Response[Any]:
        """How many jobs stand where, and up to ten that run; as `text/event-stream` also whenever it changes."""
        asked = jobs_within(caller.ticket, asked)
        question = (asked, caller.owner)
        if not wants(request.headers.get("accept"), MEDIA_TYPE):
            found = await services.summary.get(asked, owner=caller.owner)
            return Response(found, headers={"Cache-Control": "no-store"})
        script = SummaryStream(
            events=services.events, feed=services.feed, summaries=services.summaries, question=question
        )
        return stream(services, caller, script)
