"""The transport over HTTP, for whoever has a token but no way to the database."""

import asyncio
import builtins
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final, TypeVar
from urllib.parse import quote

import httpx
import msgspec
from httpx_sse import EventSource, ServerSentEvent, SSEError
from msgspec import Struct

from jobstream.client.background import Background, background
from jobstream.client.gather import Gatherer
from jobstream.client.problems import error_of
from jobstream.domain.event import CONTROL_TYPES, Event
from jobstream.domain.job import End, Enqueued, Job, JobFilter, NewJob, Outcome, Page, Status
from jobstream.domain.pipeline import NewStep, PipelineCreated, PipelineOutcome, PipelineWithJobs
from jobstream.errors import DatabaseUnavailable, RateLimited
from jobstream.pacing import Patience
from jobstream.store.requests import checked_jobs

PREFIX: Final = "/api/v1"
ANSWER_SECONDS: Final = 30.0
RESULT_SECONDS: Final = 30
_NO_TRANSACTION: Final = (
    "a client over HTTP cannot enqueue in a transaction of yours: connect it to the database"
)
SILENCE_SECONDS: Final = 60.0
"""Heartbeats come every 15 s by default: a stream that is silent for so long is dead, whatever TCP says."""

T = TypeVar("T")


class _Made(Struct):
    items: list[Enqueued]


class _Jobs(Struct):
    items: list[Job]
    next_cursor: str | None


class _Ended(Struct):
    status: Status
    result: msgspec.Raw


class HttpTransport:
    """Speaks to one server, or to many behind one address."""

    def __init__(self, *, client: httpx.AsyncClient, background: Background) -> None:
        """Use `open_http`."""
        self._client = client
        self._gatherer = Gatherer(enqueue_many=self.enqueue_many)
        background.start(self._gatherer.run())

    async def enqueue(self, job: NewJob) -> Enqueued:
        """Makes a job, together with others that are asked for at the same time."""
        return await self._gatherer.enqueue(job)

    async def enqueue_many(self, jobs: Sequence[NewJob]) -> builtins.list[Enqueued]:
        """Makes all jobs in order, or none; at most 1,000."""
        if not jobs:
            return []
        content = msgspec.json.encode({"items": [_body(job) for job in checked_jobs(jobs)]})
        headers = {"Content-Type": "application/json"}
        return (await self._ask("POST", "/jobs/batch", _Made, content=content, headers=headers)).items

    async def enqueue_on(self, connection: Any, jobs: Sequence[NewJob]) -> builtins.list[Enqueued]:
        """Not over HTTP."""
        raise TypeError(_NO_TRANSACTION)

    async def get(self, id: str) -> Job:
        """One job. Raises NotFound."""
        return await self._ask("GET", _path(id), Job)

    async def list(self, filter: JobFilter, *, cursor: str | None, limit: int) -> Page[Job]:
        """A page of jobs."""
        params = _query(filter) | {"limit": str(limit)} | ({"cursor": cursor} if cursor else {})
        response = await self._request("GET", "/jobs", params=params)
        page = _read(response, _Jobs)
        return Page(
            items=page.items,
            next_cursor=page.next_cursor,
            event_cursor=response.headers.get("Event-Cursor", ""),
        )

    async def cancel(self, id: str, *, force: bool) -> Outcome:
        """Cancels a job. Raises NotFound, Conflict."""
        return await self._ask("POST", f"{_path(id)}/cancel", Outcome, json={"force": force})

    async def retry(self, id: str) -> Outcome:
        """Sets a job going again. Raises NotFound, Conflict."""
        return await self._ask("POST", f"{_path(id)}/retry", Outcome, json={})

    def events(self, id: str, *, after: int) -> AsyncGenerator[Event, None]:
        """A job's events above an id until it has ended, resumed where it breaks off. Raises NotFound."""
        return self._follow(f"{_path(id)}/events", str(after))

    async def create_pipeline(
        self, name: str, steps: Sequence[NewStep], *, key: str | None, owner: str
    ) -> PipelineCreated:
        """Makes all jobs of a pipeline, or none; a key is made up where none is given, since HTTP requires one."""
        jobs = checked_jobs([step.job for step in steps])
        body: dict[str, Any] = {
            "name": name,
            "steps": [_step(step, job) for step, job in zip(steps, jobs, strict=True)],
        }
        if owner:
            body["owner"] = owner
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": key or f"client-{secrets.token_hex(16)}",
        }
        return await self._ask(
            "POST", "/pipelines", PipelineCreated, content=msgspec.json.encode(body), headers=headers
        )

    async def create_pipeline_on(
        self, connection: Any, name: str, steps: Sequence[NewStep], *, key: str | None, owner: str
    ) -> PipelineCreated:
        """Not over HTTP."""
        raise TypeError(_NO_TRANSACTION)

    async def get_pipeline(self, id: str) -> PipelineWithJobs:
        """One pipeline with its jobs. Raises NotFound."""
        return await self._ask("GET", _pipeline(id), PipelineWithJobs)

    async def cancel_pipeline(self, id: str) -> PipelineOutcome:
        """Cancels what has not ended. Raises NotFound."""
        return await self._ask("POST", f"{_pipeline(id)}/cancel", PipelineOutcome, json={})

    async def retry_pipeline(self, id: str) -> PipelineOutcome:
        """Starts anew what failed and what it held up. Raises NotFound, Conflict."""
        return await self._ask("POST", f"{_pipeline(id)}/retry", PipelineOutcome, json={})

    def pipeline_events(self, id: str) -> AsyncGenerator[Event, None]:
        """A pipeline's events until it has ended, resumed where it breaks off. Raises NotFound."""
        return self._follow(f"{_pipeline(id)}/events", None)

    async def _follow(self, path: str, position: str | None) -> AsyncGenerator[Event, None]:
        """The events of a stream behind a position, over as many connections as it takes."""
        patience = Patience()
        while True:
            try:
                async for block in self._blocks(path, position):
                    patience.succeeded()
                    if block.event == "end":
                        return
                    if block.event not in CONTROL_TYPES:
                        yield msgspec.json.decode(block.data, type=Event)
                    # Behind the yield: what was not dispatched is asked for again.
                    position = block.id or position
            except (httpx.TransportError, SSEError, DatabaseUnavailable):
                pass
            await asyncio.sleep(patience.failed())

    async def end(self, id: str) -> End:
        """Waits until a job has ended. Raises NotFound."""
        patience = Patience()
        while True:
            try:
                response = await self._request(
                    "GET",
                    f"{_path(id)}/result",
                    params={"wait": str(RESULT_SECONDS)},
                    timeout=httpx.Timeout(ANSWER_SECONDS, read=RESULT_SECONDS + ANSWER_SECONDS),
                )
                patience.succeeded()
            except (DatabaseUnavailable, RateLimited):
                await asyncio.sleep(patience.failed())
                continue
            if response.status_code == httpx.codes.OK:
                return await self._end_of(id, _read(response, _Ended))

    async def _end_of(self, id: str, ended: _Ended) -> End:
        if ended.status is Status.DONE:
            return End(status=ended.status, reason=None, result=bytes(ended.result).decode(), last_error=None)
        job = await self.get(id)
        return End(
            status=ended.status, reason=job.lifecycle.reason, result=None, last_error=job.retry.last_error
        )

    async def _blocks(self, path: str, position: str | None) -> AsyncGenerator[ServerSentEvent, None]:
        """One connection's worth of a stream; an `end` where the server says that there is nothing more."""
        async with self._client.stream(
            "GET",
            PREFIX + path,
            headers={"Accept": "text/event-stream"}
            | ({} if position is None else {"Last-Event-ID": position}),
            timeout=httpx.Timeout(ANSWER_SECONDS, read=SILENCE_SECONDS),
        ) as response:
            if response.status_code == httpx.codes.NO_CONTENT:
                yield ServerSentEvent(event="end")
                return
            if not response.is_success:
                await response.aread()
                raise error_of(response)
            async for block in EventSource(response).aiter_sse():
                yield block

    async def _ask(self, method: str, path: str, type: type[T], **request: Any) -> T:
        return _read(await self._request(method, path, **request), type)

    async def _request(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            response = await self._client.request(method, PREFIX + path, **request)
        except httpx.TransportError as error:
            raise DatabaseUnavailable(f"cannot reach {self._client.base_url}: {error}") from error
        if not response.is_success:
            raise error_of(response)
        return response


@asynccontextmanager
async def open_http(url: str, *, token: str | None, size: int) -> AsyncIterator[HttpTransport]:
    """A transport to the server at that address. Streams that are followed come on top of `size` connections."""
    headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=size)
    async with (
        httpx.AsyncClient(base_url=url, headers=headers, timeout=ANSWER_SECONDS, limits=limits) as client,
        background() as running,
    ):
        yield HttpTransport(client=client, background=running)


def _read(response: httpx.Response, type: type[T]) -> T:
    try:
        return msgspec.json.decode(response.content, type=type)
    except msgspec.MsgspecError as error:
        raise DatabaseUnavailable(
            f"{response.url} does not answer like a jobstream server: {error}"
        ) from error


def _path(id: str) -> str:
    return f"/jobs/{quote(id, safe='')}"


def _pipeline(id: str) -> str:
    return f"/pipelines/{quote(id, safe='')}"


def _step(step: NewStep, job: NewJob) -> dict[str, Any]:
    """In the shape of a step of `POST /pipelines`; the owner is the whole pipeline's."""
    body = {name: value for name, value in _body(job).items() if name != "owner"}
    return {"key": step.key, "after": step.after, **body}


_PARTS: Final = {
    "spec": {
        "unique": "unique_for",
        **{
            name: name
            for name in (
                *("kind", "args", "queue", "priority", "labels", "concurrency_key", "unique_key"),
                *("class", "mode", "scope"),
            )
        },
    },
    "scheduling": {
        "delay_seconds": "delay",
        **{name: name for name in ("scheduled_at", "deadline", "await_jobs", "await_for")},
    },
    "retry": {name: name for name in ("max_attempts", "backoff")},
    "lineage": {name: name for name in ("triggered_by", "parent_job")},
}
_ON_TOP: Final = ("timeout_seconds", "owner", "idempotency_key", "traceparent")


def _body(job: NewJob) -> dict[str, Any]:
    """The fields that differ from their defaults, in the shape of `POST /jobs`."""
    given = {
        field.encode_name: value
        for field in msgspec.structs.fields(job)
        if (value := getattr(job, field.name)) != field.default
    }
    body: dict[str, Any] = {
        part: {name: given[source] for name, source in names.items() if source in given}
        for part, names in _PARTS.items()
    }
    return {part: fields for part, fields in body.items() if fields} | {
        name: given[name] for name in _ON_TOP if name in given
    }


def _query(filter: JobFilter) -> dict[str, Any]:
    query: dict[str, Any] = {
        name: [str(value) for value in getattr(filter, name)]
        for name in ("status", "kind", "queue", "owner", "pipeline_id")
    }
    query["label"] = [f"{name}:{value}" for name, value in filter.label]
    for name in ("since", "until"):
        moment: datetime | None = getattr(filter, name)
        query[name] = moment.isoformat() if moment is not None else None
    query["q"] = filter.q
    return {name: value for name, value in query.items() if value not in (None, [])}
