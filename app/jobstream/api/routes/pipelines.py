"""Pipelines: jobs that depend on each other."""

from litestar import Controller, Response, get, post

from jobstream.api.access import needs
from jobstream.api.answers import List
from jobstream.api.dependencies import By, JobId, Limit, ListCursor, Shared
from jobstream.api.queries import Many, read_id, read_number, refused
from jobstream.domain.ids import is_ulid
from jobstream.domain.pipeline import Pipeline, PipelineOutcome, PipelineWithJobs
from jobstream.store.pipelines import PipelineStore

_NO_STORE = {"Cache-Control": "no-store"}
_STATUSES = ("waiting", "running", "done", "failed", "cancelled")


class PipelinesController(Controller):
    """`/pipelines`."""

    path = "/pipelines"
    tags = ("pipelines",)

    @get("/", opt=needs("read"))
    async def list(
        self,
        services: Shared,
        caller: By,
        status: Many = None,
        limit: Limit = None,
        cursor: ListCursor = None,
    ) -> Response[List[Pipeline]]:
        """The newest pipelines first, a page at a time."""
        most = read_number("limit", limit, 50, 1, 200)
        if cursor is not None and not is_ulid(cursor):
            raise refused("cursor", "give the `next_cursor` of the page before")
        if any(each not in _STATUSES for each in status or ()):
            raise refused("status", f"one of {', '.join(_STATUSES)}")
        found = await PipelineStore(services.database).list(
            owner=caller.owner, before=cursor, statuses=status, limit=most + 1
        )
        page = found[:most]
        return Response(List(page, page[-1].id if len(found) > most else None), headers=_NO_STORE)

    @get("/{id:str}", opt=needs("read"))
    async def show(self, services: Shared, caller: By, id: JobId) -> Response[PipelineWithJobs]:
        """One pipeline with its jobs."""
        found = await PipelineStore(services.database).get(read_id(id), owner=caller.owner)
        return Response(found, headers=_NO_STORE)

    @post("/{id:str}/cancel", status_code=200, opt=needs("write"))
    async def cancel(self, services: Shared, caller: By, id: JobId) -> PipelineOutcome:
        """Cancel all steps that have not ended; running ones are asked to stop."""
        return await PipelineStore(services.database).cancel(
            read_id(id), owner=caller.owner, principal=caller.principal
        )

    @post("/{id:str}/retry", status_code=200, opt=needs("write"))
    async def retry(self, services: Shared, caller: By, id: JobId) -> PipelineOutcome:
        """Start anew what failed and what it held up."""
        return await PipelineStore(services.database).retry(
            read_id(id), owner=caller.owner, principal=caller.principal
        )
