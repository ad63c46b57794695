"""Figures about many jobs: what the dashboard shows beside the jobs themselves."""

from datetime import UTC, datetime
from typing import Annotated, Final

from litestar import Controller, Response, get
from litestar.params import QueryParameter
from msgspec import Struct

from jobstream.api.access import needs
from jobstream.api.dependencies import By, JobId, Shared
from jobstream.api.queries import read_id, read_number, refused
from jobstream.domain.insight import Activity, ErrorGroups, Health, Stats
from jobstream.maintenance.cron import check_cron, explain, upcoming
from jobstream.store.insight import InsightStore

_NO_STORE: Final = {"Cache-Control": "no-store"}
_SHOWN: Final = 5


class Explanation(Struct, frozen=True):
    """One line."""

    explanation: str


class DueTimes(Struct, frozen=True, kw_only=True):
    """A cron expression in words and its next due times, or what is wrong with it."""

    explanation: str | None
    upcoming: tuple[datetime, ...]
    error: str | None


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

    @get("/cron", opt=needs("read"))
    async def cron(
        self,
        expression: Annotated[str, QueryParameter(description="Five fields.", max_length=256)],
        timezone: Annotated[
            str, QueryParameter(description="IANA name of the zone that it is read in.", max_length=64)
        ] = "UTC",
    ) -> Response[DueTimes]:
        """What a schedule with this expression would do, before there is one."""
        try:
            check_cron(expression, timezone)
        except ValueError as error:
            return Response(DueTimes(explanation=None, upcoming=(), error=str(error)), headers=_NO_STORE)
        times = upcoming(expression, timezone, datetime.now(UTC), _SHOWN)
        return Response(
            DueTimes(explanation=explain(expression), upcoming=times, error=None), headers=_NO_STORE
        )

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
