"""Jobs: create, list, look at, cancel, retry, move."""

from typing import Annotated

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import JSONBody, QueryParameter

from jobstream.api import answers, waiting
from jobstream.api.access import Caller, needs
from jobstream.api.dependencies import AnyRequest, By, JobId, Key, Limit, ListCursor, Shared
from jobstream.api.problems import Fault
from jobstream.api.queries import (
    Label,
    Many,
    Since,
    Until,
    job_filter,
    read_id,
    read_number,
    read_seconds,
)
from jobstream.api.requests import (
    BatchItem,
    Cancel,
    CreateBatch,
    CreateJob,
    Nothing,
    Reschedule,
    new_job,
    placed,
)
from jobstream.domain.job import Enqueued, Job, JobFilter, NewJob, Outcome, Status
from jobstream.tracing import traceparent_of


def provide_filter(
    status: Many = None,
    kind: Many = None,
    queue: Many = None,
    owner: Many = None,
    pipeline_id: Many = None,
    label: Label = None,
    since: Since = None,
    until: Until = None,
    q: Annotated[
        str | None, QueryParameter(name="q", description="Text in the kind or the last error.")
    ] = None,
) -> JobFilter:
    """Which jobs are asked for."""
    return job_filter(locals())


class JobsController(Controller):
    """`/jobs`."""

    path = "/jobs"
    tags = ("jobs",)

    @post("/", status_code=202, opt=needs("write"), responses=answers.CREATED)
    async def create(
        self,
        request: AnyRequest,
        services: Shared,
        caller: By,
        data: JSONBody[CreateJob],
        key: Key,
    ) -> Response[Enqueued]:
        """Create a job, once however often the request is sent."""
        with placed():
            made = await services.jobs.enqueue(
                _wanted(caller, data, key=key, traceparent=_traceparent(request)),
                principal=caller.principal,
            )
        return answers.created(request, made)

    @post("/batch", status_code=202, opt=needs("write"))
    async def create_many(
        self, request: AnyRequest, services: Shared, caller: By, data: JSONBody[CreateBatch]
    ) -> answers.Items[Enqueued]:
        """Create all of the jobs, or none."""
        around = _traceparent(request)
        with placed(in_batch=True):
            wanted = [
                _wanted(
                    caller, item, key=item.idempotency_key, traceparent=item.traceparent or around, place=i
                )
                for i, item in enumerate(data.items)
            ]
            return answers.Items(await services.jobs.enqueue_many(wanted, principal=caller.principal))

    @get("/", opt=needs("read"), dependencies={"asked": Provide(provide_filter, sync_to_thread=False)})
    async def list(
        self,
        request: AnyRequest,
        services: Shared,
        caller: By,
        asked: NamedDependency[JobFilter],
        limit: Limit = None,
        cursor: ListCursor = None,
    ) -> Response[answers.List[Job]]:
        """The newest jobs first, a page at a time."""
        caller.owners_among(asked.owner)
        page = await services.jobs.list(
            asked, cursor=cursor, limit=read_number("limit", limit, 50, 1, 200), owner=caller.owner
        )
        return answers.page(request, page)

    @get("/{id:str}", opt=needs("read"), responses=answers.NOT_MODIFIED)
    async def show(
        self, request: AnyRequest, services: Shared, caller: By, id: JobId
    ) -> Response[Job | None]:
        """One job, and the cursor of the moment it was read in."""
        return answers.seen(request, await services.jobs.get_seen(read_id(id), owner=caller.owner))

    @get("/{id:str}/result", opt=needs("read"), responses=answers.NOT_YET)
    async def result(
        self,
        request: AnyRequest,
        services: Shared,
        caller: By,
        id: JobId,
        wait: Annotated[
            str | None, QueryParameter(name="wait", description="Seconds to wait, at most 60.")
        ] = None,
    ) -> Response[answers.Result]:
        """How the job ended; 202 while it has not."""
        seconds = read_seconds("wait", wait, request.headers.get("prefer"), most=60.0)
        async with answers.place(services, caller, seconds):
            return answers.result(await waiting.ended(services, read_id(id), caller.owner, seconds))

    @post("/{id:str}/cancel", status_code=200, opt=needs("write"), responses=answers.ASKED)
    async def cancel(
        self, services: Shared, caller: By, id: JobId, data: JSONBody[Cancel | None] = None
    ) -> Response[Outcome]:
        """Cancel the job; with `force` a running one is asked to stop."""
        force = data is not None and data.force
        outcome = await services.jobs.cancel(
            read_id(id), force=force, owner=caller.owner, principal=caller.principal
        )
        return Response(outcome, status_code=202 if outcome.status is Status.RUNNING else 200)

    @post("/{id:str}/retry", status_code=200, opt=needs("write"))
    async def retry(
        self, services: Shared, caller: By, id: JobId, data: JSONBody[Nothing | None] = None
    ) -> Outcome:
        """Set a job that has ended or failed going again."""
        return await services.jobs.retry(read_id(id), owner=caller.owner, principal=caller.principal)

    @post("/{id:str}/run-now", status_code=200, opt=needs("write"))
    async def run_now(
        self, services: Shared, caller: By, id: JobId, data: JSONBody[Nothing | None] = None
    ) -> Outcome:
        """Make a job due at once."""
        return await services.jobs.run_now(read_id(id), owner=caller.owner, principal=caller.principal)

    @post("/{id:str}/reschedule", status_code=200, opt=needs("write"))
    async def reschedule(
        self, services: Shared, caller: By, id: JobId, data: JSONBody[Reschedule]
    ) -> Outcome:
        """Make a job due at another time."""
        return await services.jobs.reschedule(
            read_id(id), data.at, owner=caller.owner, principal=caller.principal
        )


def _wanted(
    caller: Caller,
    body: CreateJob | BatchItem,
    *,
    key: str | None,
    traceparent: str | None,
    place: int | None = None,
) -> NewJob:
    pointer = "/owner" if place is None else f"/items/{place}/owner"
    owner = caller.owner_for(body.owner, place=Fault(pointer=pointer, detail="takes `operate`"))
    return new_job(body, owner=owner, key=key, traceparent=traceparent)


def _traceparent(request: AnyRequest) -> str | None:
    return traceparent_of(request.headers.get("traceparent"))
