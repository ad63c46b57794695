"""Streams through an unmodified nginx, read by the clients that people have: heartbeat, resume, end."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.streams.proxy import (
    CLIENTS,
    Site,
    Told,
    by_chromium,
    by_curl,
    by_eventsource_client,
    by_httpx_sse,
)
from tests.support import Connection, eventually, require
from tests.support.require import unavailable
from tests.support.sql import call, claim, enqueue

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

Follow = Callable[[str, list[Told]], Coroutine[Any, Any, None]]


@pytest.fixture
async def site(database_url: str, tmp_path: Path) -> AsyncIterator[Site]:
    """Two instances behind nginx."""
    require("nginx")
    with ExitStack() as stack:
        made = Site(url=database_url, stack=stack, folder=tmp_path)
        await made.start()
        yield made


@pytest.fixture
async def token(conn: Connection) -> str:
    """A credential that may read everything."""
    return str(await call(conn, "create_token", "web", ["operate"]))


async def followed(site: Site, token: str, conn: Connection, follow: Follow) -> None:
    """A job's life, both instances restarted in its middle: the client tells all of it once, and then rests."""
    job = await enqueue(conn)
    told: list[Told] = []
    url = f"{site.address}/api/v1/jobs/{job}/events?token={token}"
    async with asyncio.TaskGroup() as group:
        following = group.create_task(follow(url, told))
        await eventually(lambda: types(told).count("heartbeat") >= 2, 30)
        [leased] = await claim(conn)
        for done in range(1, 41):
            await call(conn, "report_progress", job, leased["attempt"], done, 40)
            if done == 20:
                await eventually(lambda: types(told).count("progress") == 20)
                restarting = group.create_task(site.restart_each())
            await asyncio.sleep(0.05)
        await restarting
        await eventually(lambda: types(told).count("progress") == 40, 30)
        await eventually(lambda: types(told).count("hello") > 1, 30)
        await call(conn, "complete", job, leased["attempt"])
        async with asyncio.timeout(60):
            await following
    rows = await conn.fetch("select id from jobstream.job_events where job_id = $1 order by id", job)
    stored = [event for event in told if event["type"] not in ("hello", "heartbeat", "end", "disconnected")]
    assert [event["data"]["id"] for event in stored] == [row["id"] for row in rows]
    assert "end" in types(told)
    assert all(event["id"] == str(event["data"]["id"]) for event in stored)


def types(told: list[Told]) -> list[str]:
    return [event["type"] for event in told]


async def test_curl(site: Site, token: str, conn: Connection) -> None:
    require("curl")
    await followed(site, token, conn, by_curl)


async def test_httpx_sse(site: Site, token: str, conn: Connection) -> None:
    await followed(site, token, conn, by_httpx_sse)


async def test_eventsource_client(site: Site, token: str, conn: Connection) -> None:
    require("node")
    if not (CLIENTS / "node_modules" / "eventsource-client").is_dir():
        unavailable("needs the packages of clients/js: make setup")
    await followed(site, token, conn, by_eventsource_client)


async def test_chromiums_eventsource(site: Site, token: str, conn: Connection) -> None:
    require("chromium")
    await followed(site, token, conn, by_chromium)
