from datetime import UTC, datetime, timedelta

import pytest

from tests.api.conftest import Serve
from tests.api.support import Api, new_key, problem

JOB = {"spec": {"kind": "k"}}


@pytest.fixture
async def guarded(serve: Serve) -> Api:
    """A server that wants tokens."""
    return await serve(auth="token")


async def sign_in(api: Api, token: str) -> str:
    """The cookie, as a browser would send it."""
    answer = await api.post("/session", {"token": token})
    assert answer.status_code == 200, answer.text
    api.http.cookies.clear()
    return answer.headers["set-cookie"].partition(";")[0]


async def test_a_token_becomes_a_cookie_that_scripts_and_other_sites_cannot_use(guarded: Api) -> None:
    token = await guarded.services.tokens.create("alice", ["read", "write"])
    answer = await guarded.post("/session", {"token": token})
    assert answer.json() == {
        "principal": "alice", "scopes": ["read", "write"], "expires_at": None, "auth": "token", "heartbeat_seconds": 15.0,
    }  # fmt: skip
    cookie = answer.headers["set-cookie"].lower()
    for part in ("httponly", "samesite=strict", "path=/", "max-age="):
        assert part in cookie
    assert answer.headers["cache-control"] == "no-store"


async def test_behind_a_proxy_with_tls_the_cookie_travels_encrypted_only(guarded: Api) -> None:
    token = await guarded.services.tokens.create("alice", ["read"])
    for headers, secure in (({}, False), ({"X-Forwarded-Proto": "https"}, True)):
        answer = await guarded.post("/session", {"token": token}, headers=headers)
        assert ("secure" in answer.headers["set-cookie"].lower()) is secure


async def test_the_cookie_lasts_no_longer_than_its_token(guarded: Api) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=5)
    token = await guarded.services.tokens.create("alice", ["read"], expires_at=soon)
    cookie = (await guarded.post("/session", {"token": token})).headers["set-cookie"].lower()
    seconds = int(cookie.partition("max-age=")[2].partition(";")[0])
    assert 0 < seconds <= 300


async def test_a_bad_token_gives_no_cookie(guarded: Api) -> None:
    for token in ("jst_none", "x", "a" * 256):
        answer = await guarded.post("/session", {"token": token})
        assert problem(answer) == (401, "unauthorized")
        assert "set-cookie" not in answer.headers


async def test_the_cookie_reads_and_writes_from_the_page_itself(guarded: Api) -> None:
    cookie = await sign_in(guarded, await guarded.services.tokens.create("alice", ["read", "write"]))
    assert (await guarded.get("/session", headers={"Cookie": cookie})).json()["principal"] == "alice"
    for headers in ({}, {"Origin": guarded.address}, {"Sec-Fetch-Site": "same-origin"}):
        sent = {"Cookie": cookie, "Idempotency-Key": new_key(), **headers}
        assert (await guarded.post("/jobs", JOB, headers=sent)).status_code == 202


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example.org"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_a_write_that_another_site_sent_is_refused(guarded: Api, headers: dict[str, str]) -> None:
    token = await guarded.services.tokens.create("alice", ["read", "write"])
    cookie = await sign_in(guarded, token)
    sent = {"Cookie": cookie, "Idempotency-Key": new_key(), **headers}
    assert problem(await guarded.post("/jobs", JOB, headers=sent)) == (403, "forbidden")
    assert (await guarded.get("/jobs", headers={"Cookie": cookie})).json()["items"] == []
    for method, body in (("POST", {"token": token}), ("DELETE", None)):
        answer = await guarded.request(method, "/session", json=body, headers=headers)
        assert problem(answer) == (403, "forbidden")


async def test_signing_out_takes_the_cookie_back(guarded: Api) -> None:
    answer = await guarded.request("DELETE", "/session")
    assert answer.status_code == 204
    assert "max-age=0" in answer.headers["set-cookie"].lower()


async def test_the_cookie_of_a_revoked_token_counts_no_more(guarded: Api) -> None:
    cookie = await sign_in(guarded, await guarded.services.tokens.create("alice", ["read"]))
    [info] = await guarded.services.tokens.list()
    await guarded.services.tokens.revoke(info.id)
    assert problem(await guarded.get("/session", headers={"Cookie": cookie})) == (401, "unauthorized")


async def test_with_auth_off_everybody_is_local(api: Api) -> None:
    session = (await api.get("/session")).json()
    assert (session["principal"], session["auth"]) == ("local", "off")
    answer = await api.post("/session", {"token": "whatever"})
    assert answer.json() == session
    assert "set-cookie" not in answer.headers


async def test_a_revocation_counts_on_every_instance_within_a_second(serve: Serve) -> None:
    one, other = await serve(auth="token"), await serve(auth="token")
    token = await one.services.tokens.create("alice", ["read", "write"])
    [info] = await one.services.tokens.list()
    cookie = await sign_in(other, token)
    async with other.as_(token).stream("/events") as events:
        await events.until("hello")
        ticket = (await other.as_(token).post("/stream-tickets", {})).json()["ticket"]
        assert (await other.as_(token).get("/jobs")).status_code == 200
        await one.services.tokens.revoke(info.id)
        for api in (one, other):
            assert problem(await api.as_(token).get("/jobs")) == (401, "unauthorized")
            assert problem(await api.get("/jobs", headers={"Cookie": cookie})) == (401, "unauthorized")
            params = {"ticket": ticket}
            refused = await api.get("/events", params=params, headers={"Accept": "application/json"})
            assert problem(refused) == (401, "unauthorized")
        assert "end" not in [each.type for each in await events.closed()]


async def test_fifty_posts_of_one_key_on_two_instances_make_one_job(serve: Serve) -> None:
    import asyncio

    both = [await serve(), await serve()]
    answers = await asyncio.gather(*(both[each % 2].make(JOB, key="same") for each in range(50)))
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [200] * 49 + [202]
    assert len({answer.json()["id"] for answer in answers}) == 1
    others = await asyncio.gather(
        *(both[each % 2].make({"spec": {"kind": f"k{each % 3}"}}, key="contested") for each in range(30))
    )
    assert sorted({answer.status_code for answer in others}) == [200, 202, 422]
    assert [answer.status_code for answer in others].count(202) == 1
