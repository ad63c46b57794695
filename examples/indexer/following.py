"""Following jobs over HTTP: one server-sent event stream for all jobs of a run, taken up again where it broke off."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import httpx
from httpx_sse import SSEError, aconnect_sse

SILENCE = 60.0
PAUSE = 0.5


async def follow(http: httpx.AsyncClient, **filters: str) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
    """Yield (type, data) of every event that matches, `hello` first, for as long as somebody listens.

    After a lost connection the server is told the last event's id and goes on behind it: nothing is lost or repeated.
    """
    last_id: str | None = None
    while True:
        headers = {"Last-Event-ID": last_id} if last_id else {}
        try:
            async with aconnect_sse(
                http,
                "GET",
                "/api/v1/events",
                params=filters,
                headers=headers,
                timeout=httpx.Timeout(10.0, read=SILENCE),
            ) as stream:
                stream.response.raise_for_status()
                async for event in stream.aiter_sse():
                    last_id = event.id or last_id
                    yield event.event, json.loads(event.data)
        except (httpx.TransportError, SSEError):
            await asyncio.sleep(PAUSE)
