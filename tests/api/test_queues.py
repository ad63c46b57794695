from typing import Any

import pytest

from tests.api.conftest import Serve
from tests.api.support import Api, pointers, problem
from tests.support import Connection


async def queue(api: Api, name: str = "images") -> dict[str, Any]:
    answer = await api.get(f"/queues/{name}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def set_queue(api: Api, change: dict[str, Any], name: str = "images") -> dict[str, Any]:
    answer = await api.request("PATCH", f"/queues/{name}", json=change)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_a_queue_tells_what_stands_in_it(api: Api) -> None:
    await api.create(queue="images")
    await api.create(queue="images")
    await api.claim(queues=["images"])
    found = await queue(api)
    assert found["counts"] == {"waiting": 0, "pending": 1, "running": 1, "failed": 0, "dlq": 0}
    assert found["oldest_pending_seconds"] >= 0
    assert (await api.get("/queues")).json()["items"] == [
        {**found, "oldest_pending_seconds": pytest.approx(0, abs=60)}
    ]


async def test_a_queue_with_neither_jobs_nor_settings_is_unknown(api: Api) -> None:
    assert problem(await api.get("/queues/none")) == (404, "not-found")
    assert (await set_queue(api, {}, "none"))["name"] == "none"
    assert (await queue(api, "none"))["counts"]["pending"] == 0


async def test_a_paused_queue_is_not_claimed_from_and_says_by_whom(api: Api) -> None:
    await api.create(queue="images")
    assert (await set_queue(api, {"paused": True}))["paused_by"] == "local"
    assert (await api.post("/leases", {"worker": "w", "queues": ["images"]})).json() == {"leases": []}
    assert (await set_queue(api, {"paused": False}))["paused_by"] is None
    await api.claim(queues=["images"])


async def test_what_is_left_out_stays_and_null_takes_a_limit_away(api: Api) -> None:
    limits = {
        "max_running": 3,
        "key_limit": 2,
        "rate_limit": {"count": 5, "per_seconds": 60},
        "retention_days": 30,
    }
    assert limits.items() <= (await set_queue(api, limits)).items()
    assert limits.items() <= (await set_queue(api, {"paused": True})).items()
    freed = await set_queue(api, {"max_running": None, "rate_limit": None})
    assert (freed["max_running"], freed["rate_limit"], freed["key_limit"]) == (None, None, 2)


async def test_a_limit_holds_for_leases(api: Api) -> None:
    for _ in range(3):
        await api.create(queue="images")
    await set_queue(api, {"max_running": 1})
    asked = {"worker": "w", "queues": ["images"], "limit": 3}
    assert len((await api.post("/leases", asked)).json()["leases"]) == 1
    assert (await api.post("/leases", asked)).json() == {"leases": []}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"paused": None}, "/paused"),
        ({"max_running": -1}, "/max_running"),
        ({"max_running": "3"}, "/max_running"),
        ({"key_limit": 0}, "/key_limit"),
        ({"rate_limit": {"count": 0, "per_seconds": 1}}, "/rate_limit/count"),
        ({"rate_limit": {"count": 1}}, "/rate_limit/per_seconds"),
        ({"retention_days": 2**31}, "/retention_days"),
        ({"nope": 1}, "/nope"),
    ],
)
async def test_a_setting_that_makes_no_sense_is_refused_with_a_pointer(
    api: Api, change: dict[str, Any], pointer: str
) -> None:
    answer = await api.request("PATCH", "/queues/images", json=change)
    assert problem(answer) == (400, "invalid")
    assert pointers(answer) == [pointer]
    assert problem(await api.get("/queues/images")) == (404, "not-found")


@pytest.mark.parametrize("name", ["-a", "a b", "a" * 129, "ä"])
async def test_what_is_no_queues_name_is_refused(api: Api, name: str) -> None:
    assert problem(await api.get(f"/queues/{name}")) == (400, "invalid")
    assert problem(await api.request("PATCH", f"/queues/{name}", json={})) == (400, "invalid")


async def test_of_a_shared_queue_one_sees_ones_own_jobs(serve: Serve) -> None:
    api = await serve(auth="token")
    tokens = api.services.tokens
    alice, bob = [api.as_(await tokens.create(name, ["read", "write"])) for name in ("alice", "bob")]
    await alice.create(queue="images")
    for _ in range(2):
        await bob.create(queue="images")
    operator = api.as_(await tokens.create("op", ["operate"]))
    counts = [(await queue(each))["counts"]["pending"] for each in (alice, bob, operator)]
    assert counts == [1, 2, 3]


async def test_live_workers_are_listed(api: Api, conn: Connection) -> None:
    await conn.execute(
        "select jobstream.register_worker('w1', 'box', 7, '1.0', array['a', 'b'], array['k'], 4)"
    )
    await conn.execute("select jobstream.touch_worker('w1', 2, 1.5, 1000)")
    [worker] = (await api.get("/workers")).json()["items"]
    expected = {"id": "w1", "host": "box", "pid": 7, "queues": ["a", "b"], "kinds": ["k"], "running": 2}
    assert expected.items() <= worker.items()
    assert worker["seen"]
    await conn.execute("update jobstream.workers set seen_at = jobstream.clock() - interval '31 seconds'")
    assert (await api.get("/workers")).json()["items"] == []
