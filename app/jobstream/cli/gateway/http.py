"""The gateway over HTTP, for whoever has a token but no way to the database."""

import builtins
import secrets
from collections.abc import AsyncGenerator
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx
import msgspec
from httpx_sse import EventSource, ServerSentEvent, SSEError

from jobstream.cli.exits import CommandFailed
from jobstream.cli.gateway.base import Ended, Happened, Hello, Reset, StreamItem, StreamLost
from jobstream.cli.gateway.problems import error_of
from jobstream.domain.bulk import Bulk, Started
from jobstream.domain.event import Event
from jobstream.domain.job import Enqueued, Job, JobFilter, NewJob, Outcome
from jobstream.domain.queue import Queue, QueueChange
from jobstream.domain.schedule import Schedule, ScheduleInfo

PREFIX = "/api/v1"
ANSWER_WITHIN = 30.0
SILENCE = 60.0
"""Heartbeats come every 15 s by default: a stream silent for so long is dead, whatever TCP says."""
MOST_A_PAGE = 200
WORTH_WAITING = frozenset({429, 500, 502, 503, 504})

T = TypeVar("T")


class _JobPage(msgspec.Struct):
    items: list[Job]
    next_cursor: str | None


class _Queues(msgspec.Struct):
    items: list[Queue]


class _Schedules(msgspec.Struct):
    items: list[ScheduleInfo]


class _Made(msgspec.Struct):
    id: str


class HttpGateway:
    """Speaks to one server; use as `async with`."""

    def __init__(self, url: str, *, token: str | None) -> None:
        """`url` as settings have checked it; with a path where the server sits below one."""
        base = httpx.URL(url)
        headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        self._client = httpx.AsyncClient(base_url=base, headers=headers, timeout=ANSWER_WITHIN)
        self._place = str(base.copy_with(username=None, password=None))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._client.aclose()

    @property
    def place(self) -> str:
        """The server's address."""
        return self._place

    async def enqueue(self, job: NewJob) -> Enqueued:
        """Create a job; a key is made up where none was given, since HTTP requires one."""
        key = job.idempotency_key or f"cli-{secrets.token_hex(16)}"
        content = msgspec.json.encode(_body(job))
        headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
        return await self._ask("POST", "/jobs", Enqueued, content=content, headers=headers)

    async def get(self, job_id: str) -> Job:
        """One job. Raises NotFound."""
        return await self._ask("GET", _path(job_id), Job)

    async def list(self, wanted: JobFilter, *, limit: int) -> list[Job]:
        """The newest `limit` jobs that match, page by page."""
        jobs: list[Job] = []
        cursor: str | None = None
        while len(jobs) < limit:
            params = _query(wanted) | {"limit": str(min(limit - len(jobs), MOST_A_PAGE))}
            page = await self._ask(
                "GET", "/jobs", _JobPage, params=params | ({"cursor": cursor} if cursor else {})
            )
            jobs += page.items
            if (cursor := page.next_cursor) is None:
                break
        return jobs[:limit]

    async def cancel(self, job_id: str, *, force: bool) -> Outcome:
        """Cancel; a running job only with `force`. Raises NotFound, Conflict."""
        return await self._ask("POST", f"{_path(job_id)}/cancel", Outcome, json={"force": force})

    async def retry(self, job_id: str) -> Outcome:
        """Make a failed or ended job due again. Raises NotFound, Conflict."""
        return await self._ask("POST", f"{_path(job_id)}/retry", Outcome, json={})

    async def start_bulk(self, action: str, wanted: dict[str, Any], *, dry_run: bool) -> Started:
        """Begin `cancel` or `retry` of all that match. Raises InvalidArgument."""
        content = msgspec.json.encode({"filter": wanted, "dry_run": dry_run})
        headers = {"Content-Type": "application/json"}
        return await self._ask("POST", f"/bulk/{action}", Started, content=content, headers=headers)

    async def bulk(self, id: str) -> Bulk:
        """How far it is. Raises NotFound."""
        return await self._ask("GET", f"/bulk/{quote(id, safe='')}", Bulk)

    async def queues(self) -> builtins.list[Queue]:
        """Every queue, by name."""
        return (await self._ask("GET", "/queues", _Queues)).items

    async def set_queue(self, name: str, change: QueueChange) -> Queue:
        """Set what is given. Raises InvalidArgument."""
        content = msgspec.json.encode(change)
        headers = {"Content-Type": "application/json"}
        return await self._ask(
            "PATCH", f"/queues/{quote(name, safe='')}", Queue, content=content, headers=headers
        )

    async def schedules(self) -> builtins.list[ScheduleInfo]:
        """Every schedule, by name."""
        return (await self._ask("GET", "/schedules", _Schedules)).items

    async def put_schedule(self, schedule: Schedule, *, paused: bool | None) -> ScheduleInfo:
        """Make or replace one; `paused` None leaves that as it is. Raises InvalidArgument."""
        body: dict[str, Any] = {
            "cron": schedule.cron,
            "timezone": schedule.timezone,
            "spec": schedule.spec,
            "catch_up": schedule.catch_up,
        }
        if paused is not None:
            body["paused"] = paused
        return await self._ask("PUT", _schedule(schedule.name), ScheduleInfo, json=body)

    async def run_schedule(self, name: str) -> str:
        """Make its job now; the job's id. Raises NotFound."""
        return (await self._ask("POST", f"{_schedule(name)}/run", _Made, json={})).id

    async def delete_schedule(self, name: str) -> None:
        """Its jobs stay. Raises NotFound."""
        await self._request("DELETE", _schedule(name))

    def stream(self, job_id: str, *, after: str | None) -> AsyncGenerator[StreamItem, None]:
        """One connection to the job's SSE stream."""
        return self._stream(f"{_path(job_id)}/events", {}, after)

    def stream_queue(self, queue: str, *, after: str | None) -> AsyncGenerator[StreamItem, None]:
        """One connection to the SSE stream of all jobs, limited to a queue's."""
        return self._stream("/events", {"queue": queue}, after)

    async def _stream(
        self, path: str, params: dict[str, str], after: str | None
    ) -> AsyncGenerator[StreamItem, None]:
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": after} if after is not None else {})
        timeout = httpx.Timeout(ANSWER_WITHIN, read=SILENCE)
        try:
            async with self._client.stream(
                "GET", PREFIX + path, params=params, headers=headers, timeout=timeout
            ) as response:
                if response.status_code == httpx.codes.NO_CONTENT:
                    yield Ended(reason="ended")
                    return
                await _check_stream(response)
                async for block in EventSource(response).aiter_sse():
                    item = _item(block)
                    if item is not None:
                        yield item
                    if isinstance(item, Ended):
                        return
        except (httpx.TransportError, SSEError) as error:
            raise StreamLost(_reason(error)) from error
        raise StreamLost("the server closed the stream")

    async def _request(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            response = await self._client.request(method, PREFIX + path, **request)
        except httpx.TransportError as error:
            raise CommandFailed(f"cannot reach {self._place}: {_reason(error)}") from error
        if not response.is_success:
            raise error_of(response)
        return response

    async def _ask(self, method: str, path: str, type: type[T], **request: Any) -> T:
        response = await self._request(method, path, **request)
        try:
            return msgspec.json.decode(response.content, type=type)
        except msgspec.MsgspecError as error:
            raise CommandFailed(f"{self._place} does not answer like a jobstream server: {error}") from error


async def _check_stream(response: httpx.Response) -> None:
    if response.is_success:
        return
    await response.aread()
    if response.status_code in WORTH_WAITING:
        retry_after = response.headers.get("Retry-After", "")
        raise StreamLost(
            f"the server answered {response.status_code} {response.reason_phrase}",
            retry_after=float(retry_after) if retry_after.isdigit() else None,
        )
    raise error_of(response)


def _item(block: ServerSentEvent) -> StreamItem | None:
    """What one SSE block means; None for what only keeps the line open."""
    match block.event:
        case "hello":
            return msgspec.json.decode(block.data, type=Hello)
        case "heartbeat" | "summary":
            return None
        case "reset":
            return Reset(reason=str(block.json().get("reason")), position=block.id or None)
        case "end":
            return Ended(reason=str(block.json().get("reason")))
        case "overloaded":
            raise StreamLost("the server is overloaded", retry_after=block.json().get("retry_ms", 0) / 1000)
        case _:
            return Happened(event=msgspec.json.decode(block.data, type=Event), position=block.id)


def _path(job_id: str) -> str:
    return f"/jobs/{quote(job_id, safe='')}"


def _schedule(name: str) -> str:
    return f"/schedules/{quote(name, safe='')}"


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _body(job: NewJob) -> dict[str, Any]:
    """The fields that differ from their defaults, in the shape of `POST /jobs`."""
    given: dict[str, Any] = msgspec.to_builtins(job)
    body = {
        "spec": _picked(given, "kind", "args", "queue", "priority", "labels", "concurrency_key"),
        "scheduling": _picked(given, "scheduled_at", "deadline"),
        "retry": _picked(given, "max_attempts"),
    }
    if "delay" in given:
        body["scheduling"]["delay_seconds"] = given["delay"]
    return {part: fields for part, fields in body.items() if fields}


def _picked(given: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: given[name] for name in names if name in given}


def _query(wanted: JobFilter) -> dict[str, Any]:
    query: dict[str, Any] = {}
    for name in ("status", "kind", "queue", "owner", "pipeline_id"):
        if values := [str(value) for value in getattr(wanted, name)]:
            query[name] = values
    if wanted.label:
        query["label"] = [f"{name}:{value}" for name, value in wanted.label]
    for name in ("since", "until"):
        if (moment := getattr(wanted, name)) is not None:
            query[name] = moment.isoformat()
    if wanted.q is not None:
        query["q"] = wanted.q
    return query
