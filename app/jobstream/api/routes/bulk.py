"""Everything that matches a filter, cancelled, retried or deleted by the server."""

from collections.abc import Sequence
from typing import Annotated, Literal

from litestar import Controller, Response, get, post
from litestar.params import JSONBody
from msgspec import Meta, structs

from jobstream.api.access import needs
from jobstream.api.dependencies import By, JobId, Shared
from jobstream.api.problems import Fault
from jobstream.api.queries import read_id
from jobstream.api.requests import Body, Id, Moment, check_moment
from jobstream.domain.bulk import Bulk, Started
from jobstream.store.bulk import BulkStore

StatusName = Literal["waiting", "pending", "running", "failed", "done", "dlq", "cancelled"]
Texts = Annotated[list[str], Meta(max_length=100)]
Pair = Annotated[str, Meta(pattern=r"^[^:]+:")]


class JobFilterIn(Body, frozen=True, kw_only=True, omit_defaults=True):
    """Which jobs: the names of `GET /jobs`; several values of one name mean or, different names and."""

    status: list[StatusName] | StatusName | None = None
    kind: Texts | str | None = None
    queue: Texts | str | None = None
    owner: Texts | str | None = None
    pipeline_id: Annotated[list[Id], Meta(max_length=100)] | Id | None = None
    label: Annotated[list[Pair], Meta(max_length=100)] | Pair | None = None
    since: Moment | None = None
    until: Moment | None = None
    q: str | None = None

    def __post_init__(self) -> None:
        check_moment("since", self.since)
        check_moment("until", self.until)


class StartBulk(Body, frozen=True, kw_only=True):
    """What is to be done to which jobs; `dry_run` only counts them."""

    filter: JobFilterIn
    dry_run: bool = False


class BulkController(Controller):
    """`/bulk`."""

    path = "/bulk"
    tags = ("bulk",)

    @post("/cancel", status_code=202, opt=needs("write"))
    async def cancel(self, services: Shared, caller: By, data: JSONBody[StartBulk]) -> Started:
        """Cancel all waiting, pending and failed jobs that match."""
        return await self._start("cancel", services, caller, data)

    @post("/retry", status_code=202, opt=needs("write"))
    async def retry(self, services: Shared, caller: By, data: JSONBody[StartBulk]) -> Started:
        """Set all failed and ended jobs that match going again."""
        return await self._start("retry", services, caller, data)

    @post("/delete", status_code=202, opt=needs("operate"))
    async def delete(self, services: Shared, caller: By, data: JSONBody[StartBulk]) -> Started:
        """Delete all ended jobs that match."""
        return await self._start("delete", services, caller, data)

    @get("/{id:str}", opt=needs("read"))
    async def show(self, services: Shared, caller: By, id: JobId) -> Response[Bulk]:
        """How far an operation is."""
        found = await BulkStore(services.database).get(read_id(id), owner=caller.owner)
        return Response(found, headers={"Cache-Control": "no-store"})

    async def _start(self, action: str, services: Shared, caller: By, data: StartBulk) -> Started:
        asked = structs.asdict(data.filter)
        caller.owners_among(
            _values(data.filter.owner), place=Fault(pointer="/filter/owner", detail="takes `operate`")
        )
        return await BulkStore(services.database).start(
            action,
            {name: value for name, value in asked.items() if value is not None},
            dry_run=data.dry_run,
            owner=caller.owner,
            principal=caller.principal,
        )


def _values(asked: Sequence[str] | str | None) -> Sequence[str]:
    return (asked,) if isinstance(asked, str) else asked or ()
