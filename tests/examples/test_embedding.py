"""The examples of jobstream inside other applications, each served by plain uvicorn and spoken to over a socket."""

import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import httpx_sse
import pytest

from tests.examples.readme import ROOT
from tests.support import Connection, Process
from tests.support.sql import call, claim

SignIn = Callable[[httpx.AsyncClient, str], Awaitable[None]]


async def by_key(http: httpx.AsyncClient, name: str) -> None:
    http.headers["x-api-key"] = f"{name}-key"


async def by_session(http: httpx.AsyncClient, name: str) -> None:
    assert (await http.post(f"/sign-in/{name}")).status_code == 204


HOSTS = {
    "examples.fastapi_app:app": by_key,
    "examples.litestar_app:app": by_key,
    "examples.django_app:app": by_session,
}


@dataclass(frozen=True)
class Host:
    """A running example."""

    process: Process
    address: str
    sign_in: SignIn

    @asynccontextmanager
    async def client(self, name: str | None = None) -> AsyncIterator[httpx.AsyncClient]:
        async with httpx.AsyncClient(base_url=self.address, timeout=20) as http:
            if name is not None:
                await self.sign_in(http, name)
            yield http


@pytest.fixture(params=HOSTS)
async def host(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[Host]:
    name: str = request.param
    command = (sys.executable, "-m", "uvicorn", name, "--port", "0")
    environ = {"JOBSTREAM_DATABASE_URL": database_url, "JOBSTREAM_DRAIN_SECONDS": "0.5"}
    with Process(command=command, cwd=ROOT, environ=environ) as process:
        yield Host(process, await process.address(), HOSTS[name])


async def test_job_enqueued_by_the_host_is_followed_through_it_by_its_owner_alone_until_the_host_goes(
    host: Host, conn: Connection
) -> None:
    async with host.client("ada") as ada, host.client("grace") as grace, host.client() as nobody:
        ordered = await ada.post("/reports/2026")
        assert ordered.status_code == 202, ordered.text
        events = ordered.json()["events"]
        async with httpx_sse.aconnect_sse(ada, "GET", events) as source:
            stream = source.aiter_sse()
            assert [(await anext(stream)).event for _ in range(2)] == ["hello", "status"]
            [leased] = await claim(conn)
            await call(conn, "complete", leased["id"], leased["attempt"], '"written"')
            rest = [(event.event, event.json().get("status")) async for event in stream]
        assert rest == [("status", "running"), ("status", "done"), ("end", None)]

        assert (await grace.get(events)).status_code == 404
        assert (await nobody.get(events)).status_code == 401
        assert (await nobody.post("/reports/2026")).status_code == 401
        assert 'src="assets/js/main.js"' in (await ada.get("/queue", follow_redirects=True)).text
        assert (await ada.get("/queue/api/v1/session")).json()["principal"] == "ada"

        async with httpx_sse.aconnect_sse(ada, "GET", "/queue/api/v1/events") as source:
            stream = source.aiter_sse()
            assert (await anext(stream)).event == "hello"
            host.process.signal(signal.SIGTERM)
            assert [event.event async for event in stream] == []
        # Having ended, uvicorn does to itself what the signal would have done.
        assert await host.process.wait() in (0, -signal.SIGTERM)
