import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.api.conftest import Serve
from tests.api.support import UNKNOWN, Api, problem
from tests.support import Connection, eventually

Token = Callable[..., Awaitable[str]]


@pytest.fixture
async def guarded(serve: Serve) -> Api:
    """A server that wants tokens."""
    return await serve(auth="token")


@pytest.fixture
def token(guarded: Api) -> Token:
    """Make a token: `await token("alice", "read", "write")`."""

    async def make(principal: str, *scopes: str, **options: Any) -> str:
        return await guarded.services.tokens.create(principal, scopes, **options)

    return make


async def test_cookie_writes_from_the_page_itself_whatever_host_a_proxy_has_put_there(
    guarded: Api, token: Token
) -> None:
    cookie = {"Cookie": f"jobstream_session={await token('alice', 'read', 'write')}"}
    foreign = {"Origin": "https://evil.example"}
    for headers, status in (
        ({}, 202),
        (foreign, 403),
        (foreign | {"Sec-Fetch-Site": "same-origin"}, 202),
        (foreign | {"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": guarded.address, "Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": guarded.address}, 202),
    ):
        key = {"Idempotency-Key": f"key-{len(headers)}-{status}"}
        answer = await guarded.post("/jobs", {"spec": {"kind": "k"}}, headers=cookie | headers | key)
        assert answer.status_code in ((200, 202) if status == 202 else (status,)), headers


async def test_without_a_token_nobody_is_let_in(guarded: Api) -> None:
    for method, path in (("GET", "/jobs"), ("POST", "/jobs"), ("GET", "/events"), ("POST", "/leases")):
        answer = await guarded.request(method, path)
        assert problem(answer) == (401, "unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_wrong_token_is_refused(guarded: Api, token: Token) -> None:
    good = await token("alice", "read")
    for wrong in ("x", good + "x", good[:-1], good.upper(), "jst_", f"{good} {good}", "é"):
        answer = await guarded.http.get(
            "/api/v1/jobs", headers={b"Authorization": f"Bearer {wrong}".encode("latin-1")}
        )
        assert problem(answer) == (401, "unauthorized"), wrong
    for header in ("Basic YTpi", "Bearer", good):
        answer = await guarded.http.get("/api/v1/jobs", headers={"Authorization": header})
        assert problem(answer) == (401, "unauthorized"), header


async def test_the_scheme_is_read_in_any_case(guarded: Api, token: Token) -> None:
    header = {"Authorization": f"bearer {await token('alice', 'read')}"}
    assert (await guarded.http.get("/api/v1/jobs", headers=header)).status_code == 200


async def test_an_expired_token_is_refused(guarded: Api, token: Token, conn: Connection) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=5)
    alice = guarded.as_(await token("alice", "read", expires_at=soon))
    assert (await alice.get("/jobs")).status_code == 200
    await conn.execute("update jobstream.tokens set expires_at = jobstream.clock() - interval '1 second'")
    assert problem(await alice.get("/jobs")) == (401, "unauthorized")


async def test_a_revocation_counts_at_once(guarded: Api, token: Token) -> None:
    alice = guarded.as_(await token("alice", "read"))
    assert (await alice.get("/jobs")).status_code == 200
    [info] = await guarded.services.tokens.list()
    await guarded.services.tokens.revoke(info.id)
    assert problem(await alice.get("/jobs")) == (401, "unauthorized")


@pytest.mark.parametrize(
    ("method", "path", "scopes"),
    [
        ("GET", "/jobs", {"read", "operate"}),
        ("GET", f"/jobs/{UNKNOWN}", {"read", "operate"}),
        ("GET", f"/jobs/{UNKNOWN}/result", {"read", "operate"}),
        ("GET", f"/jobs/{UNKNOWN}/events", {"read", "operate"}),
        ("POST", "/jobs", {"write", "operate"}),
        ("POST", "/jobs/batch", {"write", "operate"}),
        ("POST", f"/jobs/{UNKNOWN}/cancel", {"write", "operate"}),
        ("POST", f"/jobs/{UNKNOWN}/retry", {"write", "operate"}),
        ("POST", f"/jobs/{UNKNOWN}/run-now", {"write", "operate"}),
        ("POST", f"/jobs/{UNKNOWN}/reschedule", {"write", "operate"}),
        ("POST", "/leases", {"work"}),
        ("POST", f"/jobs/{UNKNOWN}/heartbeat", {"work"}),
        ("POST", f"/jobs/{UNKNOWN}/progress", {"work"}),
        ("POST", f"/jobs/{UNKNOWN}/log", {"work"}),
        ("POST", f"/jobs/{UNKNOWN}/emit", {"work"}),
        ("POST", f"/jobs/{UNKNOWN}/complete", {"work"}),
        ("POST", f"/jobs/{UNKNOWN}/fail", {"work"}),
        ("POST", f"/jobs/{UNKNOWN}/release", {"work"}),
    ],
)
async def test_each_route_wants_its_scope(
    guarded: Api, token: Token, method: str, path: str, scopes: set[str]
) -> None:
    for scope in ("read", "write", "work", "operate", "admin"):
        answer = await guarded.as_(await token("alice", scope)).request(method, path)
        if scope in scopes:
            assert answer.status_code not in (401, 403), scope
        else:
            assert problem(answer) == (403, "forbidden"), scope


async def test_without_a_credential_a_route_says_nothing_of_its_parameters(guarded: Api) -> None:
    assert (await guarded.get("/jobs?nope=1")).status_code == 401
    assert (await guarded.get("/jobs/nope")).status_code == 401


async def test_a_job_belongs_to_who_made_it(guarded: Api, token: Token) -> None:
    alice = guarded.as_(await token("alice", "read", "write"))
    bob = guarded.as_(await token("bob", "read", "write"))
    operator = guarded.as_(await token("op", "operate"))
    id = await alice.create()
    assert (await alice.job(id))["owner"] == "alice"
    for path in ("", "/result", "/events"):
        assert problem(await bob.get(f"/jobs/{id}{path}")) == (404, "not-found")
    for verb in ("cancel", "retry", "run-now"):
        assert problem(await bob.post(f"/jobs/{id}/{verb}")) == (404, "not-found")
    moved = await bob.post(f"/jobs/{id}/reschedule", {"at": "2100-01-01T00:00:00Z"})
    assert problem(moved) == (404, "not-found")
    assert (await bob.get("/jobs")).json()["items"] == []
    assert (await operator.job(id))["owner"] == "alice"
    assert [each["id"] for each in (await operator.get("/jobs?owner=alice")).json()["items"]] == [id]
    assert (await alice.job(id))["lifecycle"]["status"] == "pending"


async def test_anothers_job_is_not_awaited_or_taken_as_a_parent(guarded: Api, token: Token) -> None:
    id = await guarded.as_(await token("alice", "write")).create()
    bob = guarded.as_(await token("bob", "write"))
    for body in ({"scheduling": {"await_jobs": [id]}}, {"lineage": {"parent_job": id}}):
        assert problem(await bob.make({"spec": {"kind": "k"}, **body})) == (404, "not-found")


async def test_each_owner_has_a_key_space_of_its_own(guarded: Api, token: Token) -> None:
    one = await guarded.as_(await token("alice", "write")).make({"spec": {"kind": "k"}}, key="same")
    two = await guarded.as_(await token("bob", "write")).make({"spec": {"kind": "other"}}, key="same")
    assert one.status_code == two.status_code == 202


async def test_another_owner_takes_operate(guarded: Api, token: Token) -> None:
    alice = guarded.as_(await token("alice", "read", "write"))
    operator = guarded.as_(await token("op", "operate"))
    body = {"spec": {"kind": "k"}, "owner": "bob"}
    assert problem(await alice.make(body)) == (403, "forbidden")
    assert problem(await alice.post("/jobs/batch", {"items": [body]})) == (403, "forbidden")
    assert problem(await alice.get("/jobs?owner=bob")) == (403, "forbidden")
    assert problem(await alice.get("/events?owner=bob")) == (403, "forbidden")
    assert (await alice.get("/jobs?owner=alice")).status_code == 200
    assert (await alice.make({**body, "owner": "alice"})).status_code == 202
    assert (await operator.make(body)).status_code == 202


async def test_what_is_done_bears_the_principals_name(guarded: Api, token: Token) -> None:
    alice = guarded.as_(await token("alice", "read", "write"))
    id = await alice.create()
    await guarded.as_(await token("op", "operate")).post(f"/jobs/{id}/cancel")
    told = await alice.all_of(f"/jobs/{id}/events")
    assert [each.data["by"] for each in told if each.type == "status"] == ["alice", "op"]


async def test_nobody_sees_anothers_events(guarded: Api, token: Token) -> None:
    alice = guarded.as_(await token("alice", "read", "write"))
    bob = guarded.as_(await token("bob", "read", "write"))
    operator = guarded.as_(await token("op", "operate"))
    async with alice.stream("/events") as hers, operator.stream("/events") as all_of_them:
        await hers.until("hello")
        await all_of_them.until("hello")
        await bob.create("his")
        await alice.create("hers")
        assert (await hers.until("status")).data["kind"] == "hers"
        assert (await all_of_them.until("status")).data["kind"] == "his"
    async with bob.stream("/events", **{"from": "earliest"}) as his:
        assert (await his.until("status")).data["kind"] == "his"
        await bob.create("more")
        assert (await his.until("status")).data["kind"] == "more"


async def test_a_stream_takes_its_token_from_the_url(guarded: Api, token: Token) -> None:
    secret = await token("alice", "read", "write")
    id = await guarded.as_(secret).create()
    await guarded.as_(secret).post(f"/jobs/{id}/cancel")
    answer = await guarded.get(f"/jobs/{id}/events", params={"token": secret})
    assert answer.status_code == 200
    assert "event: end" in answer.text
    assert problem(await guarded.get(f"/jobs/{id}/events", params={"token": "x"})) == (401, "unauthorized")


async def test_nothing_else_takes_a_token_from_the_url(guarded: Api, token: Token) -> None:
    secret = await token("alice", "read")
    answer = await guarded.get("/jobs", params={"token": secret})
    assert answer.status_code in (400, 401)


async def test_an_open_stream_closes_when_its_token_is_revoked(guarded: Api, token: Token) -> None:
    alice = guarded.as_(await token("alice", "read", "write"))
    operator = guarded.as_(await token("op", "operate"))
    id = await alice.create()
    async with (
        alice.stream("/events") as one,
        alice.stream(f"/jobs/{id}/events") as two,
        operator.stream("/events") as other,
    ):
        for events in (one, two, other):
            await events.until("hello")
        info = next(each for each in await guarded.services.tokens.list() if each.principal == "alice")
        await guarded.services.tokens.revoke(info.id)
        async with asyncio.timeout(20):
            assert "end" not in [each.type for each in await one.closed()]
            assert "end" not in [each.type for each in await two.closed()]
        await operator.create("still")
        assert (await other.until("status")).data["kind"] == "still"


async def test_a_worker_may_be_confined_to_queues(guarded: Api, token: Token) -> None:
    alice = guarded.as_(await token("alice", "write"))
    worker = guarded.as_(await token("w", "work", queues=["images"]))
    anyone = guarded.as_(await token("v", "work"))
    await alice.create(queue="images")
    await alice.create(queue="other")
    denied = await worker.post("/leases", {"worker": "w", "queues": ["images", "other"]})
    assert problem(denied) == (403, "forbidden")
    mine = await worker.claim(queues=["images"])
    other = await anyone.claim(queues=["other"])
    assert (await worker.verb(mine, "complete")).status_code == 200
    for verb in ("heartbeat", "complete", "release"):
        assert problem(await worker.verb(other, verb)) == (404, "not-found")
    assert (await anyone.verb(other, "complete")).status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/schema", "/schema/openapi.json"])
async def test_health_and_documents_are_open(guarded: Api, path: str) -> None:
    assert (await guarded.http.get(path)).status_code == 200


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "localhost:8000", "LOCALHOST:1"])
async def test_with_auth_off_this_machines_names_are_served(api: Api, host: str) -> None:
    assert (await api.get("/jobs", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["example.org", "localhost.example.org", "127.0.0.1.nip.io", "evil@localhost", "[::2]", "10.0.0.1", ""],
)
async def test_with_auth_off_other_names_are_refused(api: Api, host: str) -> None:
    answer = await api.get("/jobs", headers={"Host": host})
    assert answer.status_code in (400, 403)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://example.org"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Forwarded": "for=1.2.3.4"},
        {"X-Forwarded-For": "1.2.3.4"},
        {"X-Forwarded-Host": "localhost"},
    ],
)
async def test_with_auth_off_foreign_requests_are_refused(api: Api, headers: dict[str, str]) -> None:
    for method, path in (("GET", "/jobs"), ("POST", "/jobs"), ("GET", "/events")):
        assert problem(await api.request(method, path, headers=headers)) == (403, "forbidden")


async def test_with_auth_off_ones_own_origin_is_served(api: Api) -> None:
    assert (await api.get("/jobs", headers={"Origin": api.address})).status_code == 200


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
async def test_with_auth_off_a_write_must_say_that_it_is_json(api: Api, media_type: str) -> None:
    headers = {"Idempotency-Key": "k", "Content-Type": media_type}
    answer = await api.post("/jobs", content=b'{"spec": {"kind": "k"}}', headers=headers)
    assert problem(answer) == (415, "invalid")
    assert (await api.get("/jobs")).json()["items"] == []


async def test_with_auth_off_a_verb_without_a_body_needs_no_type(api: Api) -> None:
    id = await api.create()
    assert (await api.post(f"/jobs/{id}/cancel")).status_code == 200


async def test_credentials_are_not_logged(
    guarded: Api, token: Token, caplog: pytest.LogCaptureFixture
) -> None:
    secret = await token("alice", "read")
    with caplog.at_level("INFO"):
        await guarded.get(f"/jobs/{UNKNOWN}/events", params={"token": secret})
    ours = "".join(each.getMessage() for each in caplog.records if not each.name.startswith("http"))
    assert f"/api/v1/jobs/{UNKNOWN}/events?token=***" in ours
    assert secret not in ours
    assert secret.split("_")[-1] not in ours


async def test_a_server_says_that_it_is_ready(api: Api) -> None:
    await eventually(lambda: api.services.listener.connected)
    assert (await api.get("//readyz")).json() == {
        "status": "ok", "database": "ok", "schema": "ok", "listener": "ok", "draining": False,
    }  # fmt: skip


async def test_what_waits_ends_when_its_token_is_revoked(guarded: Api, token: Token) -> None:
    alice = guarded.as_(await token("alice", "read", "write", "work"))
    id = await alice.create(queue="other")
    claim = {"worker": "w", "wait": 60}
    accept = {"Accept": "application/json"}
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        waiting = [
            tasks.create_task(asked)
            for asked in (
                alice.get("/events?wait=30", headers=accept),
                alice.get(f"/jobs/{id}/events?wait=30&from=now", headers=accept),
                alice.get(f"/jobs/{id}/result?wait=60"),
            )
        ]
        worker = tasks.create_task(alice.post("/leases", claim))
        await eventually(lambda: len(guarded.services.places) == 3 and guarded.services.ready._waiting)
        [info] = await guarded.services.tokens.list()
        await guarded.services.tokens.revoke(info.id)
    assert [problem(each.result()) for each in waiting] == [(401, "unauthorized")] * 3
    assert worker.result().json() == {"leases": []}
