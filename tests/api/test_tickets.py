import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from jobstream.api.access_log import struck
from jobstream.domain.ticket import verify
from jobstream.errors import Unauthorized
from tests.api.conftest import Serve
from tests.api.support import Api, pointers, problem
from tests.support import eventually

Token = Callable[..., Awaitable[str]]


@pytest.fixture
async def guarded(serve: Serve) -> Api:
    return await serve(auth="token")


@pytest.fixture
def token(guarded: Api) -> Token:
    async def make(principal: str, *scopes: str, **options: Any) -> str:
        return await guarded.services.tokens.create(principal, scopes, **options)

    return make


async def ticket(api: Api, **body: Any) -> str:
    answer = await api.post("/stream-tickets", body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["ticket"])


async def test_a_ticket_opens_the_streams_of_its_owner(guarded: Api, token: Token) -> None:
    server = guarded.as_(await token("server", "operate"))
    mine = await server.make({"spec": {"kind": "k"}, "owner": "alice"})
    other = await server.make({"spec": {"kind": "k"}, "owner": "bob"})
    alice = await ticket(server, owner="alice")
    for path in (f"/jobs/{mine.json()['id']}/events", "/events", "/summary"):
        async with guarded.stream(path, ticket=alice) as events:
            assert (await anext(events)).type == "hello"
    assert problem(await guarded.get(f"/jobs/{other.json()['id']}/events?ticket={alice}")) == (
        404,
        "not-found",
    )
    counts = (await guarded.get(f"/summary?ticket={alice}")).json()["counts"]
    assert counts["pending"] == 1
    page = await guarded.get(f"/events?from=earliest&ticket={alice}", headers={"Accept": "application/json"})
    assert {each["job_id"] for each in page.json()["items"]} == {mine.json()["id"]}


async def test_a_ticket_opens_streams_and_nothing_else(guarded: Api, token: Token) -> None:
    alice = guarded.as_(await token("alice", "read", "write"))
    id = await alice.create()
    text = await ticket(alice)
    for path in ("/jobs", f"/jobs/{id}", "/queues", f"/jobs/{id}/result"):
        assert problem(await guarded.get(f"{path}?ticket={text}")) == (401, "unauthorized")
    bearer = await guarded.as_(text).get("/jobs")
    assert problem(bearer) == (401, "unauthorized")


async def test_a_ticket_is_bound_to_its_filter(guarded: Api, token: Token) -> None:
    alice = guarded.as_(await token("alice", "read", "write"))
    inside = await alice.create("in", queue="a", labels={"u": "1"})
    outside = await alice.create("out", queue="b")
    text = await ticket(alice, filter={"queue": ["a"], "label": "u:1"})
    page = await guarded.get(f"/events?from=earliest&ticket={text}", headers={"Accept": "application/json"})
    assert {each["job_id"] for each in page.json()["items"]} == {inside}
    assert (await guarded.get(f"/summary?ticket={text}")).json()["counts"]["pending"] == 1
    assert problem(await guarded.get(f"/jobs/{outside}/events?ticket={text}")) == (404, "not-found")
    assert problem(await guarded.get(f"/events?queue=b&ticket={text}")) == (403, "forbidden")
    assert problem(await guarded.get(f"/summary?queue=b&ticket={text}")) == (403, "forbidden")
    async with guarded.stream("/events", kind="in", ticket=text) as events:
        await events.until("hello")


async def test_another_owner_takes_operate(guarded: Api, token: Token) -> None:
    alice = guarded.as_(await token("alice", "read"))
    assert problem(await alice.post("/stream-tickets", {"owner": "bob"})) == (403, "forbidden")
    assert await ticket(alice, owner="alice")


async def test_a_changed_ticket_is_refused(guarded: Api, token: Token) -> None:
    text = await ticket(guarded.as_(await token("alice", "read")))
    claims, _, signature = text.partition(".")
    for wrong in (
        "",
        "jtk_",
        "x",
        claims,
        f"{claims}.",
        f"{claims}.{signature[::-1]}",
        f"{claims[:-2]}.{signature}",
    ):
        answer = await guarded.http.get("/api/v1/events", params={"ticket": wrong})
        assert problem(answer) == (401, "unauthorized"), wrong


async def test_an_expired_ticket_ends_streams_and_lets_none_begin(api: Api) -> None:
    id = await api.create()
    text = await ticket(api, ttl_seconds=1)
    async with api.stream(f"/jobs/{id}/events", ticket=text) as events:
        told = await events.closed()
    assert [told[0].type, told[-1].type] == ["hello", "end"]
    assert told[-1].data == {"reason": "ticket"}
    assert told[-1].id == told[-2].id
    for path in (f"/jobs/{id}/events", "/events", "/summary"):
        [end] = await api.all_of(path, ticket=text, last_event_id=told[-1].id)
        assert (end.type, end.data, end.id) == ("end", {"reason": "ticket"}, told[-1].id)
    [end] = await api.all_of(f"/jobs/{id}/events", ticket=text)
    fresh = await ticket(api)
    async with api.stream(f"/jobs/{id}/events", ticket=fresh, last_event_id=end.id) as events:
        assert (await events.until("status")).data["status"] == "pending"
    page = await api.get(f"/events?ticket={text}", headers={"Accept": "application/json"})
    assert problem(page) == (401, "unauthorized")


async def test_a_revoked_token_takes_its_tickets_along(guarded: Api, token: Token) -> None:
    alice = guarded.as_(await token("alice", "read"))
    text = await ticket(alice)
    [info] = await guarded.services.tokens.list()
    async with guarded.stream("/events", ticket=text) as events:
        await events.until("hello")
        await guarded.services.tokens.revoke(info.id)
        async with asyncio.timeout(20):
            await events.closed()
    [end] = await guarded.all_of("/events", ticket=text)
    assert end.data == {"reason": "ticket"}


async def test_a_ticket_lasts_no_longer_than_its_token(guarded: Api, token: Token) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=5)
    alice = guarded.as_(await token("alice", "read", expires_at=soon))
    answer = await alice.post("/stream-tickets", {})
    assert datetime.fromisoformat(answer.json()["expires_at"]) <= soon


async def test_the_key_of_the_settings_beats_the_databases(serve: Serve) -> None:
    api = await serve(secret_key="k" * 40)
    text = await ticket(api)
    async with api.stream("/events", ticket=text) as events:
        await events.until("hello")
    assert verify(text, "k" * 40).owner == "local"
    with pytest.raises(Unauthorized):
        verify(text, await api.services.tokens.secret_key())


async def test_what_is_no_ticket_is_refused_with_a_pointer(api: Api) -> None:
    for body, pointer in (
        ({"ttl_seconds": 0}, "/ttl_seconds"),
        ({"ttl_seconds": 86_401}, "/ttl_seconds"),
        ({"filter": {"nope": 1}}, "/filter/nope"),
        ({"filter": {"job_id": ["x"]}}, "/filter/job_id/0"),
        ({"filter": {"status": ["x"]}}, "/filter/status/0"),
        ({"filter": {"label": ["x"]}}, "/filter/label/0"),
    ):
        answer = await api.post("/stream-tickets", body)
        assert problem(answer) == (400, "invalid")
        assert pointers(answer) == [pointer]
    long = await api.post("/stream-tickets", {"filter": {"queue": ["q" * 100] * 100}})
    assert problem(long) == (400, "invalid")


async def test_a_ticket_is_struck_from_the_log(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    text = await ticket(api)
    with caplog.at_level(logging.DEBUG):
        async with api.stream("/events", ticket=text) as events:
            await events.until("hello")
        await eventually(lambda: True)
    assert text not in "".join(f"{r.getMessage()}" for r in caplog.records if r.name.startswith("uvicorn"))
    assert struck(f"/events?ticket={text}&x=1") == "/events?ticket=***&x=1"


async def test_auth_off_keeps_its_rules_for_tickets(api: Api) -> None:
    text = await ticket(api)
    answer = await api.get(f"/events?ticket={text}", headers={"Origin": "https://elsewhere.example"})
    assert problem(answer) == (403, "forbidden")
    assert isinstance(answer, httpx.Response)


@pytest.mark.parametrize("name", ["queue", "kind", "type", "status", "job_id", "pipeline_id", "label"])
async def test_a_ticket_for_none_of_them_is_not_one_for_all(api: Api, name: str) -> None:
    answer = await api.post("/stream-tickets", {"filter": {name: []}})
    assert problem(answer) == (400, "invalid")
    assert pointers(answer) == [f"/filter/{name}"]
