"""When an open stream ends though nothing has ended: its age, its credential, the process. Whoever comes back has all."""

import asyncio

from jobstream.api.streams.outlet import Pace
from tests.api.conftest import Serve
from tests.api.support import Api
from tests.support import Connection


async def test_a_stream_of_a_certain_age_closes_without_an_end_and_goes_on_where_it_was(api: Api) -> None:
    api.services.ticker.pace = Pace(age=0.2)
    id = await api.create()
    for path in ("/events", f"/jobs/{id}/events", "/summary"):
        headers = {"Accept": "text/event-stream"}
        async with asyncio.timeout(30), api.http.stream("GET", f"/api/v1{path}", headers=headers) as answer:
            body = (await answer.aread()).decode()
        assert body.startswith("retry: "), path
        assert "event: end" not in body, path
    async with api.stream("/events") as events:
        told = await events.closed()
    made = await api.create()
    api.services.ticker.pace = Pace()
    async with api.stream("/events", last_event_id=told[-1].id) as events:
        assert (await events.until("status")).data["job_id"] == made


async def test_an_open_stream_closes_when_its_token_expires(serve: Serve, conn: Connection) -> None:
    api = await serve(auth="token")
    alice = api.as_(await api.services.tokens.create("alice", ["read", "write"]))
    id = await alice.create()
    for path in ("/events", f"/jobs/{id}/events"):
        await conn.execute("update jobstream.tokens set expires_at = null")
        async with alice.stream(path) as events:
            await events.until("hello")
            await conn.execute(
                "update jobstream.tokens set expires_at = jobstream.clock() - interval '1 second'"
            )
            async with asyncio.timeout(30):
                assert "end" not in [each.type for each in await events.closed()]
        assert (await alice.get("/jobs")).status_code == 401
