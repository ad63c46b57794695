import asyncio
import re

import pytest

from jobstream.api import server
from tests.api.conftest import Serve
from tests.api.support import UNKNOWN, Api, new_key, problem
from tests.support import eventually

ANSWERS = [
    ("GET", "//"),
    ("GET", "//assets/none"),
    ("GET", "//client.js"),
    ("GET", "//healthz"),
    ("GET", "//metrics"),
    ("GET", "//schema"),
    ("GET", "//schema/openapi.json"),
    ("GET", "//nowhere"),
    ("PUT", "//healthz"),
    ("OPTIONS", "//healthz"),
    ("GET", "/jobs"),
    ("GET", "/jobs?nope=1"),
    ("GET", f"/jobs/{UNKNOWN}"),
    ("GET", f"/jobs/{UNKNOWN}/events"),
    ("POST", "/jobs"),
]


@pytest.mark.parametrize(("method", "path"), ANSWERS)
async def test_every_answer_keeps_browsers_in_bounds(api: Api, method: str, path: str) -> None:
    for accept in ("*/*", "text/html", "text/event-stream"):
        headers = (await api.request(method, path, headers={"Accept": accept})).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] in ("no-referrer", "same-origin")
        assert headers["cross-origin-resource-policy"] in ("same-origin", "cross-origin")
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        for name in ("x-content-type-options", "content-security-policy", "referrer-policy"):
            assert len(headers.get_list(name)) == 1


async def test_a_stream_bears_them_too(api: Api) -> None:
    async with api.stream("/events") as events:
        assert events.source.response.headers["x-content-type-options"] == "nosniff"
        await events.until("hello")


async def test_the_reference_needs_no_script_and_nobody_elses_server(api: Api) -> None:
    answer = await api.get("//schema", headers={"Accept": "text/html"})
    assert answer.headers["content-type"].startswith("text/html")
    page = answer.text
    assert "/api/v1/jobs/{id}/events" in page
    assert "<script" not in page
    assert not re.findall(r"(?:src|href)\s*=\s*['\"]?(?:https?:)?//", page)
    assert not re.findall(r"@import|url\(", page)
    assert not re.findall(r"\son\w+\s*=", page)
    assert not re.findall(r"<[^>]+\sstyle=", page)


async def test_other_origins_are_let_in_by_setting_only(serve: Serve) -> None:
    ours, theirs = "https://app.example.org", "https://evil.example.org"
    closed = await serve(auth="token")
    opened = await serve(auth="token", cors_origins=(ours,))
    for api in (closed, opened):
        for origin in (ours, theirs):
            allowed = api is opened and origin == ours
            asked = {
                "Origin": origin,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization, content-type, idempotency-key, last-event-id",
            }
            preflight = await api.request("OPTIONS", "/jobs", headers=asked)
            assert (preflight.headers.get("access-control-allow-origin") == origin) is allowed
            for path in ("/jobs", "/events", f"/jobs/{UNKNOWN}", "//nowhere"):
                refused = await api.get(path, headers={"Origin": origin})
                assert (refused.headers.get("access-control-allow-origin") == origin) is allowed, path
                assert "access-control-allow-credentials" not in refused.headers


async def test_what_a_page_elsewhere_has_to_read_is_exposed(serve: Serve) -> None:
    origin = "https://app.example.org"
    api = await serve(auth="token", cors_origins=(origin,))
    alice = api.as_(await api.services.tokens.create("alice", ["read"]))
    answer = await alice.get("/jobs", headers={"Origin": origin})
    exposed = answer.headers["access-control-expose-headers"].lower()
    for name in ("event-cursor", "etag", "link", "location", "retry-after"):
        assert name in exposed


async def test_one_principals_writes_are_limited_and_nobody_elses(serve: Serve) -> None:
    api = await serve(auth="token", write_rate=2.0)
    tokens = api.services.tokens
    alice = api.as_(await tokens.create("alice", ["read", "write"]))
    also_alice = api.as_(await tokens.create("alice", ["read", "write"]))
    bob = api.as_(await tokens.create("bob", ["write"]))
    answers = [await each.make({"spec": {"kind": "k"}}) for each in (alice, also_alice) * 4]
    refused = [each for each in answers if each.status_code == 429]
    assert refused
    assert {each.status_code for each in answers} == {202, 429}
    assert problem(refused[0]) == (429, "rate-limited")
    assert int(refused[0].headers["retry-after"]) >= 1
    assert (await bob.make({"spec": {"kind": "k"}})).status_code == 202
    assert len((await alice.get("/jobs")).json()["items"]) == 8 - len(refused)


async def test_reads_and_workers_are_not_limited(serve: Serve) -> None:
    api = await serve(auth="token", write_rate=0.001)
    caller = api.as_(await api.services.tokens.create("op", ["operate", "work"]))
    assert (await caller.make({"spec": {"kind": "k"}})).status_code == 202
    assert problem(await caller.make({"spec": {"kind": "k"}})) == (429, "rate-limited")
    lease = await caller.claim()
    assert (await caller.verb(lease, "progress", current=1)).status_code == 200
    assert (await caller.verb(lease, "complete")).status_code == 200
    assert (await caller.get("/jobs")).status_code == 200


async def test_zero_is_no_limit(serve: Serve) -> None:
    api = await serve(write_rate=0.0)
    answers = [await api.post("/stream-tickets", {}) for _ in range(20)]
    assert {each.status_code for each in answers} == {201}


async def raw(api: Api, *pieces: bytes) -> bytes:
    """What a server answers to bytes, until it closes the connection."""
    host, _, port = api.address.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        async with asyncio.timeout(20):
            return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that waits for less."""
    monkeypatch.setattr(server, "_HEAD_SECONDS", 0.2)
    monkeypatch.setattr("jobstream.api.strict._BODY_SECONDS", 0.2)


@pytest.mark.parametrize(
    "pieces", [(), (b"GET /healthz",), (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",), (b"\r\n",)]
)
@pytest.mark.usefixtures("impatient")
async def test_a_head_that_does_not_come_costs_the_connection(api: Api, pieces: tuple[bytes, ...]) -> None:
    assert await raw(api, *pieces) == b""


@pytest.mark.usefixtures("impatient")
async def test_a_head_that_follows_another_request_must_come_too(api: Api) -> None:
    whole = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answer = await raw(api, whole + b"GET /healthz HTTP/1.1\r\n")
    assert answer.count(b"HTTP/1.1 200") == 1


@pytest.mark.usefixtures("impatient")
async def test_a_body_that_does_not_come_is_given_up(api: Api) -> None:
    head = (
        b"POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: k\r\nConnection: close\r\n"
        b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n"
    )
    answer = await raw(api, head, b'{"spec"')
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"application/problem+json" in answer
    assert (await api.get("/jobs")).json()["items"] == []


async def test_a_client_that_hangs_up_in_its_body_leaves_no_error(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    host, _, port = api.address.removeprefix("http://").partition(":")
    for _ in range(3):
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            b"POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: k\r\n"
            b'Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"spec'
        )
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    assert (await api.get("/jobs")).json()["items"] == []
    assert not [each for each in caplog.records if each.levelname == "ERROR"]


async def test_a_head_without_end_is_refused(api: Api) -> None:
    endless = [b"X-A: " + b"a" * 1_000 + b"\r\n"] * 600
    answer = await raw(api, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n", *endless)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431")
    assert (await api.get("//healthz")).status_code == 200


async def test_a_body_over_the_limit_is_refused_before_it_is_sent(api: Api) -> None:
    answer = await raw(
        api,
        b"POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: k\r\nConnection: close\r\n"
        b"Content-Type: application/json\r\nContent-Length: 17000000\r\n\r\n",
    )
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"urn:jobstream:problem:too-large" in answer


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
async def test_what_is_no_request_is_refused(api: Api, garbage: bytes) -> None:
    assert (await raw(api, garbage)).startswith((b"HTTP/1.1 4", b"HTTP/1.1 505"))
    assert (await api.get("//healthz")).status_code == 200


async def test_http_1_0_is_served(api: Api) -> None:
    answer = await raw(api, b"GET /api/v1/jobs HTTP/1.0\r\nHost: localhost\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    assert b'"items":[]' in answer


async def test_secrets_reach_no_log(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    api = await serve(auth="token")
    secret = await api.services.tokens.create("alice", ["read", "write"])
    alice = api.as_(secret)
    with caplog.at_level("DEBUG"):
        id = await alice.create()
        ticket = (await alice.post("/stream-tickets", {})).json()["ticket"]
        await alice.post("/session", {"token": secret})
        await alice.post("/session", {"token": secret, "nope": 1})
        await alice.get(f"/jobs?token={secret}")
        await api.get(f"/jobs/{id}/events?ticket={ticket}", headers={"Accept": "application/json"})
        await api.get(f"/jobs/{id}/events?token={secret}&nope=1")
        await api.get("/jobs", headers={"Cookie": f"jobstream_session={secret}"})
        await api.post(
            "/jobs", {}, headers={"Cookie": f"jobstream_session={secret}", "Idempotency-Key": new_key()}
        )
    ours = "".join(
        each.getMessage() for each in caplog.records if each.name.startswith(("jobstream", "uvicorn"))
    )
    assert "?ticket=***" in ours
    assert secret.rpartition("_")[2] not in ours
    assert ticket.rpartition(".")[2] not in ours


@pytest.mark.parametrize(
    "path", ["/healthz", "/", "/schema", "/api/v1/jobs", "/api/v1/jobs?limit=x", "/nowhere"]
)
async def test_head_is_get_without_its_body(api: Api, path: str) -> None:
    got, head = await api.http.get(path), await api.http.head(path)
    assert (head.status_code, head.content) == (got.status_code, b"")
    for name in ("content-type", "content-length", "x-content-type-options"):
        assert head.headers[name] == got.headers[name]


async def test_head_of_a_stream_ends_with_its_headers(api: Api) -> None:
    head = await api.http.head("/api/v1/events")
    assert head.headers["content-type"].startswith("text/event-stream")
    await eventually(lambda: len(api.services.ticker) == 0)


@pytest.mark.parametrize("method", ["TRACE", "PUT", "DELETE", "PATCH", "BREW"])
async def test_other_methods_are_refused_with_those_that_there_are(api: Api, method: str) -> None:
    answer = await api.request(method, "/jobs")
    assert answer.status_code in (400, 405)
    if answer.status_code == 405:
        assert problem(answer) == (405, "invalid")
        assert {"GET", "POST"} <= set(answer.headers["allow"].replace(" ", "").split(","))


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded"])
async def test_with_a_token_a_body_is_json_whatever_it_says(serve: Serve, media_type: str) -> None:
    api = await serve(auth="token")
    alice = api.as_(await api.services.tokens.create("alice", ["read", "write"]))
    headers = {"Content-Type": media_type, "Idempotency-Key": "k"}
    answer = await alice.post("/jobs", content=b'{"spec": {"kind": "k"}}', headers=headers)
    assert answer.status_code == 202
    refused = await alice.post("/jobs", content=b"spec=1", headers={**headers, "Idempotency-Key": "l"})
    assert problem(refused) == (400, "invalid")
