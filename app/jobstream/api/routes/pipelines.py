"""Pipelines: jobs that depend on each other."""

from collections.abc import Iterator
from contextlib import contextmanager

from litestar import Controller, Response, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody
from msgspec import structs

from jobstream.api.access import needs
from jobstream.api.answers import List, page
from jobstream.api.dependencies import AnyRequest, By, JobId, Key, Limit, ListCursor, Shared
from jobstream.api.problems import Fault, Rejected
from jobstream.api.queries import Many, read_id, read_number, refused, several
from jobstream.api.requests import CreatePipeline, Nothing, new_step, pointer_to
from jobstream.domain.pipeline import (
    Pipeline,
    PipelineCreated,
    PipelineFilter,
    PipelineOutcome,
    PipelineWithJobs,
    order_fault,
)
from jobstream.errors import JobStreamError
from jobstream.store.pipelines import PipelineStore
from jobstream.tracing import traceparent_of

_STATUSES = ("waiting", "running", "done", "failed", "cancelled")


class PipelinesController(Controller):
    """`/pipelines`."""

    path = "/pipelines"
    tags = ("pipelines",)

    @post(
        "/",
        status_code=202,
        opt=needs("write"),
        responses={
            200: ResponseSpec(
                PipelineCreated, description="An earlier request with this key made the pipeline."
            )
        },
    )
    async def create(
        self,
        request: AnyRequest,
        services: Shared,
        caller: By,
        data: JSONBody[CreatePipeline],
        key: Key,
    ) -> Response[PipelineCreated]:
        """Create jobs that depend on each other, all or none, once however often the request is sent."""
        owner = caller.owner_for(data.owner, place=Fault(pointer="/owner", detail="takes `operate`"))
        _check_order(data)
        traceparent = traceparent_of(request.headers.get("traceparent"))
        with _placed():
            made = await PipelineStore(services.database).create(
                data.name,
                [new_step(step, owner=owner, traceparent=traceparent) for step in data.steps],
                key=key,
                owner=owner,
                principal=caller.principal,
            )
        headers = {"Location": f"{request.url.path.rstrip('/')}/{made.id}"}
        if made.idempotent:
            return Response(made, status_code=200, headers={**headers, "Idempotent-Replayed": "true"})
        return Response(made, status_code=202, headers=headers)

    @get("/", opt=needs("read"))
    async def list(
        self,
        request: AnyRequest,
        services: Shared,
        caller: By,
        status: Many = None,
        limit: Limit = None,
        cursor: ListCursor = None,
    ) -> Response[List[Pipeline]]:
        """The newest pipelines first, a page at a time."""
        if any(each not in _STATUSES for each in status or ()):
            raise refused("status", f"one of {', '.join(_STATUSES)}")
        found = await PipelineStore(services.database).list(
            PipelineFilter(status=several(status)),
            cursor=cursor,
            limit=read_number("limit", limit, 50, 1, 200),
            owner=caller.owner,
        )
        return page(request, found)

    @get("/{id:str}", opt=needs("read"))
    async def show(self, services: Shared, caller: By, id: JobId) -> Response[PipelineWithJobs]:
        """One pipeline with its jobs."""
        found, cursor = await PipelineStore(services.database).get(read_id(id), owner=caller.owner)
        return Response(found, headers={"Cache-Control": "no-store", "Event-Cursor": cursor})

    @post("/{id:str}/cancel", status_code=200, opt=needs("write"))
    async def cancel(
        self, services: Shared, caller: By, id: JobId, data: JSONBody[Nothing | None] = None
    ) -> PipelineOutcome:
        """Cancel all steps that have not ended; running ones are asked to stop."""
        return await PipelineStore(services.database).cancel(
            read_id(id), owner=caller.owner, principal=caller.principal
        )

    @post("/{id:str}/retry", status_code=200, opt=needs("write"))
    async def retry(
        self, services: Shared, caller: By, id: JobId, data: JSONBody[Nothing | None] = None
    ) -> PipelineOutcome:
        """Start anew what failed and what it held up."""
        return await PipelineStore(services.database).retry(
            read_id(id), owner=caller.owner, principal=caller.principal
        )


def _check_order(asked: CreatePipeline) -> None:
    fault = order_fault([(step.key, step.after) for step in asked.steps])
    if fault is not None:
        place = "key" if fault.place is None else f"after/{fault.place}"
        pointer = f"/steps/{fault.step}/{place}"
        raise Rejected(f"{pointer}: {fault.detail}", Fault(pointer=pointer, detail=fault.detail))


@contextmanager
def _placed() -> Iterator[None]:
    """Says of a step that was refused where in the request it is; of one that the database refused, that it is one."""
    try:
        yield
    except JobStreamError as error:
        detail = error.detail
        if detail is not None:
            inside = pointer_to(detail.field, detail.pointer)
            # The database counts the steps of a layer; what was found before it got them counts all.
            known = detail.ordinal is not None and detail.pointer is not None
            step = f"/steps/{(detail.ordinal or 1) - 1}{inside}" if known else "/steps"
            pointer = "" if detail.field in ("idempotency_key", None) else step
            error.detail = structs.replace(detail, field=None, pointer=pointer or None)
        raise
