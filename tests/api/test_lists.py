import pytest

from tests.api.conftest import Serve
from tests.api.support import Api, new_key, problem


async def pipelines(api: Api, count: int) -> list[str]:
    made = []
    for _ in range(count):
        body = {"name": "p", "steps": [{"key": "a", "spec": {"kind": "k"}}]}
        answer = await api.post("/pipelines", body, headers={"Idempotency-Key": new_key()})
        made.append(answer.json()["id"])
    return made


@pytest.mark.parametrize("path", ["/jobs", "/pipelines", "/queues", "/workers", "/schedules"])
async def test_every_list_says_that_it_is_at_its_end(api: Api, path: str) -> None:
    answer = await api.get(path)
    assert answer.json() == {"items": [], "next_cursor": None}
    assert "link" not in answer.headers


async def test_pages_of_pipelines_follow_their_link_to_the_end(api: Api) -> None:
    made = await pipelines(api, 5)
    seen, path = [], "//api/v1/pipelines?limit=2&status=waiting&status=running"
    for _ in range(10):
        answer = await api.get(path)
        seen += [each["id"] for each in answer.json()["items"]]
        if answer.json()["next_cursor"] is None:
            break
        path = "/" + answer.links["next"]["url"]
    assert seen == made[::-1]
    assert "link" not in answer.headers


async def test_a_cursor_of_pipelines_works_only_with_its_filter_and_owner(serve: Serve) -> None:
    api = await serve(auth="token")
    alice = api.as_(await api.services.tokens.create("alice", ["read", "write"]))
    bob = api.as_(await api.services.tokens.create("bob", ["read"]))
    await pipelines(alice, 2)
    jobs_cursor = (await alice.get("/jobs?limit=1")).json()["next_cursor"]
    cursor = (await alice.get("/pipelines?limit=1")).json()["next_cursor"]
    assert (await alice.get("/pipelines", params={"cursor": cursor})).status_code == 200
    for caller, params in (
        (alice, {"cursor": cursor, "status": "done"}),
        (bob, {"cursor": cursor}),
        (alice, {"cursor": jobs_cursor}),
        (alice, {"cursor": "x"}),
    ):
        assert problem(await caller.get("/pipelines", params=params)) == (400, "invalid")


async def test_a_filter_is_the_same_in_any_order(api: Api) -> None:
    for kind in ("a", "b"):
        await api.create(kind, labels={"x": kind})
    one = await api.get("/jobs?limit=1&kind=a&kind=b&label=x:a&label=x:b&status=pending&status=done")
    cursor = one.json()["next_cursor"]
    other = "status=done&kind=b&kind=a&kind=a&label=x:b&label=x:a&status=pending"
    found = (await api.get(f"/jobs?{other}&cursor={cursor}")).json()["items"]
    assert [each["spec"]["kind"] for each in found] == ["a"]


@pytest.mark.parametrize("one", [False, True])
async def test_the_cursor_of_pipelines_continues_what_they_showed(api: Api, one: bool) -> None:
    [id] = await pipelines(api, 1)
    answer = await api.get(f"/pipelines/{id}" if one else "/pipelines")
    token = answer.headers["event-cursor"]
    lease = await api.claim()
    await api.verb(lease, "complete")
    async with api.stream(f"/pipelines/{id}/events", last_event_id=token) as events:
        told = await events.closed()
    statuses = [each.data["status"] for each in told if each.type == "status"]
    assert statuses == ["running", "done"]


async def test_a_pipelines_page_without_pipelines_has_a_cursor_too(api: Api) -> None:
    assert (await api.get("/pipelines")).headers["event-cursor"]
