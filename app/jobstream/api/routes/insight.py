"""Figures about many jobs: what the dashboard shows beside the jobs themselves."""

from typing import Annotated

from litestar import Controller, Response, get
from litestar.params import QueryParameter
from msgspec import Struct

from jobstream.api.access import needs
from jobstream.api.dependencies import By, JobId, Shared
from jobstream.api.queries import read_id, read_number, refused
from jobstream.domain.insight import Activity, ErrorGroups, Health, Stats
from jobstream.store.insight import InsightStore

_NO_STORE = {"Cache-Control": "no-store"}


class Explanation(Struct, frozen=True):
    """One line."""

    explanation: str


class InsightController(Controller):
    """Read-only, bounded, and never cached."""

    tags = ("insight",)

    @get("/stats", opt=needs("read"))
    async def stats(
        self,
        services: Shared,
        caller: By,
        seconds: Annotated[
            str | None, QueryParameter(name="seconds", description="How far back: 60 to 86400; default 3600.")
        ] = None,
    ) -> Response[Stats]:
        """Throughput, failures and waits, among the newest 50,000 events and 20,000 jobs."""
        found = await InsightStore(services.database).stats(
            seconds=read_number("seconds", seconds, 3_600, 60, 86_400), owner=caller.owner
        )
        return Response(found, headers=_NO_STORE)

    @get("/errors", opt=needs("read"))
    async def errors(self, services: Shared, caller: By) -> Response[ErrorGroups]:
        """Dead letters grouped by kind, reason and error, among the newest 20,000."""
        found = await InsightStore(services.database).error_groups(owner=caller.owner)
        return Response(found, headers=_NO_STORE)

    @get("/health", opt=needs("operate"))
    async def health(self, services: Shared) -> Response[Health]:
        """What might be wrong with the whole, one line each, and jobs that should have moved on."""
        return Response(await InsightStore(services.database).health(), headers=_NO_STORE)

    @get("/activity", opt=needs("operate"))
    async def activity(
        self,
        services: Shared,
        before: Annotated[
            str | None, QueryParameter(name="before", description="`next_before` of the page before.")
        ] = None,
    ) -> Response[Activity]:
        """What people did to jobs, the latest first; 20,000 events are looked at for a page."""
        position = None if before is None else _position(before)
        found = await InsightStore(services.database).activity(before=position)
        return Response(found, headers=_NO_STORE)

    @get("/jobs/{id:str}/explain", opt=needs("read"))
    async def explain(self, services: Shared, caller: By, id: JobId) -> Response[Explanation]:
        """One line: why the job does not run now, or what it does."""
        text = await InsightStore(services.database).explain(read_id(id), owner=caller.owner)
        return Response(Explanation(text), headers=_NO_STORE)


def _position(text: str) -> int:
    """The id of an event, as a page before gave it."""
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise refused("before", "give the `next_before` of the page before")
    return int(text)
