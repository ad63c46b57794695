"""A client of the API that reads as the tests speak."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import httpx_sse

from jobstream.api import Services

UNKNOWN = "01J00000000000000000000000"


@dataclass(frozen=True)
class Api:
    """One server."""

    http: httpx.AsyncClient
    services: Services
    address: str
    token: str | None = None

    def as_(self, token: str) -> "Api":
        """The same server for another caller."""
        return Api(self.http, self.services, self.address, token)

    async def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """A request below the prefix, or elsewhere if the path begins with two slashes."""
        headers = {**self._credential(), **options.pop("headers", {})}
        url = path[1:] if path.startswith("//") else f"/api/v1{path}"
        return await self.http.request(method, url, headers=headers, **options)

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.request("GET", path, **options)

    async def post(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        if body is not None:
            options["json"] = body
        return await self.request("POST", path, **options)

    async def create(self, kind: str = "k", *, key: str | None = None, **spec: Any) -> str:
        """Make a job; its id."""
        answer = await self.make({"spec": {"kind": kind, **spec}}, key=key)
        assert answer.status_code in (200, 202), answer.text
        return str(answer.json()["id"])

    async def make(self, body: Any, *, key: str | None = None) -> httpx.Response:
        """POST /jobs with a key."""
        return await self.post("/jobs", body, headers={"Idempotency-Key": key or new_key()})

    async def claim(self, worker: str = "w", **claim: Any) -> dict[str, Any]:
        """Lease one job; a claim passes by one whose row somebody has locked just then, so it waits."""
        answer = await self.post("/leases", {"worker": worker, "wait": 10, **claim})
        assert answer.status_code == 200, answer.text
        [lease] = answer.json()["leases"]
        return dict(lease)

    async def verb(self, lease: dict[str, Any], verb: str, **body: Any) -> httpx.Response:
        """Say something about a leased job."""
        return await self.post(f"/jobs/{lease['job']['id']}/{verb}", {"attempt": lease["attempt"], **body})

    async def job(self, id: str) -> dict[str, Any]:
        return dict((await self.get(f"/jobs/{id}")).json())

    @asynccontextmanager
    async def stream(
        self, path: str, *, last_event_id: str | None = None, **params: Any
    ) -> AsyncIterator["Events"]:
        """Open a stream."""
        headers: dict[str, Any] = {**self._credential()}
        if last_event_id is not None:
            headers["Last-Event-ID"] = last_event_id.encode("latin-1")
        async with httpx_sse.aconnect_sse(
            self.http, "GET", f"/api/v1{path}", headers=headers, params=params
        ) as source:
            yield Events(source)

    async def all_of(self, path: str, **options: Any) -> list["Told"]:
        """A stream that ends by itself, to its end."""
        async with self.stream(path, **options) as events:
            return [event async for event in events]

    def _credential(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


@dataclass(frozen=True)
class Told:
    """One event, as a client gets it."""

    type: str
    id: str
    data: Any


@dataclass
class Events:
    """An open stream."""

    source: httpx_sse.EventSource
    seen: list[Told] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._iterator = self.source.aiter_sse()

    def __aiter__(self) -> "Events":
        return self

    async def __anext__(self) -> Told:
        event = await self._iterator.__anext__()
        told = Told(event.event, event.id, json.loads(event.data))
        self.seen.append(told)
        return told

    async def until(self, type: str, **data: Any) -> Told:
        """Read on until an event of that type, with these members in its data."""
        async for event in self:
            if event.type == type and all(event.data.get(name) == value for name, value in data.items()):
                return event
        raise AssertionError(f"the stream closed before {type} {data}; it said {self.seen}")

    async def closed(self) -> list[Told]:
        """Read to the end."""
        return [event async for event in self]


_counter = iter(range(10**9))


def new_key() -> str:
    return f"key-{next(_counter)}"


def pointers(answer: httpx.Response) -> list[str]:
    """Where a refusal points to."""
    return [each.get("pointer", each.get("parameter")) for each in answer.json()["errors"]]


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and name of a problem."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["title"]
    assert body["detail"]
    return answer.status_code, body["type"].removeprefix("urn:jobstream:problem:")
