"""Schedules: jobs by cron expression."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Controller, Response, delete, get, post, put
from litestar.params import JSONBody, PathParameter
from msgspec import Meta, Struct, structs

from jobstream.api.access import needs
from jobstream.api.answers import List, whole
from jobstream.api.dependencies import By, Shared
from jobstream.api.problems import Fault, Rejected
from jobstream.api.requests import Body, CreateJob, Nothing, RetryIn, SpecIn, new_job, placed
from jobstream.domain.backoff import Backoff
from jobstream.domain.schedule import Schedule, ScheduleInfo
from jobstream.maintenance.cron import check_cron, explain, upcoming
from jobstream.store.requests import encode_jobs
from jobstream.store.schedules import ScheduleStore

ScheduleName = Annotated[
    str, PathParameter(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$", description="The schedule.")
]
_SHOWN = 5


class ScheduledSpec(SpecIn, frozen=True, kw_only=True):
    """What is to be done each time."""

    max_attempts: Annotated[int, Meta(ge=1, le=2**31 - 1)] = 3
    backoff: Backoff | None = None
    timeout_seconds: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None


class PutSchedule(Body, frozen=True, kw_only=True):
    """A schedule. Of one that is there, what is left out stays; a new one needs `cron` and `spec`."""

    cron: Annotated[str, Meta(min_length=1, max_length=256)] | None = None
    timezone: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    spec: ScheduledSpec | None = None
    paused: bool | None = None
    catch_up: Literal["skip", "last", "all"] | None = None


class Ran(Struct, frozen=True, kw_only=True):
    """The job that was made."""

    id: str


class SchedulesController(Controller):
    """`/schedules`."""

    path = "/schedules"
    tags = ("schedules",)

    @get("/", opt=needs("read"))
    async def list(self, services: Shared, caller: By) -> Response[List[ScheduleInfo]]:
        """Every schedule, with its expression in words and its next due times."""
        found = await ScheduleStore(services.database).list(owner=caller.owner)
        return whole([_shown(each) for each in found])

    @put("/{name:str}", opt=needs("operate"))
    async def set(
        self, services: Shared, caller: By, name: ScheduleName, data: JSONBody[PutSchedule]
    ) -> ScheduleInfo:
        """Make a schedule, or change one. Each of its due times makes exactly one job."""
        store = ScheduleStore(services.database)
        before = await store.get(name)
        schedule = _wanted(name, data, before)
        paused = before is not None and before.paused if data.paused is None else data.paused
        owner = caller.own if before is None else before.owner
        with placed():
            await store.put(schedule, paused=paused, owner=owner, principal=caller.principal)
        after = await store.get(name)
        assert after is not None
        return _shown(after)

    @delete("/{name:str}", status_code=204, opt=needs("operate"))
    async def remove(self, services: Shared, caller: By, name: ScheduleName) -> None:
        """Remove a schedule; its jobs stay."""
        await ScheduleStore(services.database).delete(name, principal=caller.principal)

    @post("/{name:str}/run", status_code=200, opt=needs("operate"))
    async def run(
        self, services: Shared, caller: By, name: ScheduleName, data: JSONBody[Nothing | None] = None
    ) -> Ran:
        """Make a schedule's job now, beside its due times."""
        return Ran(id=await ScheduleStore(services.database).run(name, principal=caller.principal))


def _wanted(name: str, asked: PutSchedule, before: ScheduleInfo | None) -> Schedule:
    cron = asked.cron or (before.cron if before else None)
    timezone = asked.timezone or (before.timezone if before else "UTC")
    if cron is None or (asked.spec is None and before is None):
        missing = "cron" if cron is None else "spec"
        raise _refused(f"/{missing}", "a new schedule needs it")
    try:
        check_cron(cron, timezone)
    except ValueError as error:
        raise _refused("/timezone" if "time zone" in str(error) else "/cron", str(error)) from error
    return Schedule(
        name=name,
        cron=cron,
        timezone=timezone,
        spec=_spec(asked.spec) if asked.spec is not None else _kept(before),
        catch_up=asked.catch_up or (before.catch_up if before else "last"),  # type: ignore[arg-type]
    )


def _refused(pointer: str, detail: str) -> Rejected:
    return Rejected(f"{pointer}: {detail}", Fault(pointer=pointer, detail=detail))


def _spec(spec: ScheduledSpec) -> dict[str, Any]:
    retry = RetryIn(max_attempts=spec.max_attempts, backoff=spec.backoff)
    body = CreateJob(spec=spec, retry=retry, timeout_seconds=spec.timeout_seconds)
    [job] = msgspec.json.decode(
        encode_jobs([new_job(body, owner="", key=None)]), type=list[dict[str, msgspec.Raw]]
    )
    return {name: value for name, value in job.items() if bytes(value) != b"null" and name != "owner"}


def _kept(before: ScheduleInfo | None) -> dict[str, Any]:
    assert before is not None
    kept: dict[str, Any] = msgspec.json.decode(before.spec)
    return kept


def _shown(schedule: ScheduleInfo) -> ScheduleInfo:
    return structs.replace(
        schedule,
        explanation=explain(schedule.cron),
        upcoming=upcoming(schedule.cron, schedule.timezone, datetime.now(UTC), _SHOWN),
    )
