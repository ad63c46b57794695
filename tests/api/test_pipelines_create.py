from typing import Any

import httpx
import pytest

from tests.api.conftest import Serve
from tests.api.support import UNKNOWN, Api, new_key, pointers, problem
from tests.support import Connection


def steps(*edges: tuple[str, list[str]], **spec: Any) -> list[dict[str, Any]]:
    return [{"key": key, "spec": {"kind": "k", **spec}, "after": after} for key, after in edges]


async def make(api: Api, body: Any, *, key: str | None = None) -> httpx.Response:
    return await api.post("/pipelines", body, headers={"Idempotency-Key": key or new_key()})


async def finish(api: Api, *, verb: str = "complete", **body: Any) -> None:
    await api.verb(await api.claim(), verb, **body)


async def test_a_pipeline_is_made_with_all_its_jobs(api: Api) -> None:
    answer = await make(api, {"name": "p", "steps": steps(("a", []), ("b", ["a"]), ("c", ["a", "b"]))})
    assert answer.status_code == 202
    body = answer.json()
    assert answer.headers["location"] == f"/api/v1/pipelines/{body['id']}"
    assert set(body["jobs"]) == {"a", "b", "c"}
    jobs = {key: await api.job(id) for key, id in body["jobs"].items()}
    assert [jobs[key]["lifecycle"]["status"] for key in "abc"] == ["pending", "waiting", "waiting"]
    assert set(jobs["c"]["scheduling"]["await_jobs"]) == {body["jobs"]["a"], body["jobs"]["b"]}
    assert jobs["a"]["lineage"]["pipeline_id"] == body["id"]
    assert jobs["b"]["lineage"]["pipeline_step"] == "b"
    assert jobs["a"]["owner"] == "local"


async def test_its_key_has_a_space_of_its_own(api: Api) -> None:
    body = {"name": "p", "steps": steps(("a", []))}
    await api.create(key="same")
    first = await make(api, body, key="same")
    again = await make(api, body, key="same")
    assert (first.status_code, again.status_code) == (202, 200)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json()["id"] == first.json()["id"]
    assert again.json()["jobs"] == first.json()["jobs"]
    other = await make(api, {**body, "name": "q"}, key="same")
    assert problem(other) == (422, "key-reused")
    assert problem(await api.post("/pipelines", body)) == (400, "invalid")


async def test_what_is_no_pipeline_is_refused_with_a_pointer(api: Api, conn: Connection) -> None:
    for body, pointer in (
        ({"name": "p", "steps": []}, "/steps"),
        ({"name": "", "steps": steps(("a", []))}, "/name"),
        ({"name": "p", "steps": steps(("a", []), ("a", []))}, "/steps/1/key"),
        ({"name": "p", "steps": steps(("a", []), ("b", ["a", "x"]))}, "/steps/1/after/1"),
        ({"name": "p", "steps": steps(("a", ["a"]))}, "/steps/0/after/0"),
        (
            {"name": "p", "steps": steps(("s", []), ("a", ["s", "c"]), ("b", ["a"]), ("c", ["b"]))},
            "/steps/1/after/1",
        ),
        ({"name": "p", "steps": steps(("a", []), kind="no no")}, "/steps/0/spec/kind"),
        ({"name": "p", "steps": steps(("a", []), args={"x": "\0"})}, "/steps/0/spec/args/x"),
    ):
        answer = await make(api, body)
        assert problem(answer) == (400, "invalid"), (body, answer.text)
        assert pointers(answer) == [pointer]
    unknown = steps(("a", []))
    unknown[0]["scheduling"] = {"await_jobs": [UNKNOWN]}
    assert problem(await make(api, {"name": "p", "steps": unknown})) == (404, "not-found")
    assert await conn.fetchval("select count(*) from jobstream.pipelines") == 0


async def test_its_stream_tells_everything_from_the_beginning_to_the_end(api: Api) -> None:
    made = (await make(api, {"name": "p", "steps": steps(("a", []), ("b", ["a"]))})).json()
    await api.create(queue="another")
    path = f"/pipelines/{made['id']}/events"
    async with api.stream(path) as events:
        assert (await anext(events)).type == "hello"
        await events.until("status", job_id=made["jobs"]["b"], status="waiting")
        await finish(api)
        await finish(api)
        told = await events.closed()
        assert (told[-1].type, told[-1].data) == ("end", {"reason": "done"})
        stored = [each for each in events.seen if each.type in ("status", "pipeline")]
    assert {each.data["pipeline_id"] for each in stored} == {made["id"]}
    ids = [each.data["id"] for each in stored]
    assert len(ids) == len(set(ids))
    assert [each.data["data"]["status"] for each in stored if each.type == "pipeline"][-1] == "done"
    assert [(e.type, e.data["id"]) for e in (await api.all_of(path))[1:-1]] == [
        (each.type, each.data["id"]) for each in stored
    ]
    came_back = await api.get(path, headers={"Last-Event-ID": told[-1].id})
    assert came_back.status_code == 204
    middle = stored[2]
    rest = await api.all_of(path, last_event_id=middle.id)
    assert [each.data["id"] for each in rest[1:-1]] == ids[3:]


async def test_after_a_retry_it_streams_again(api: Api) -> None:
    made = (await make(api, {"name": "p", "steps": steps(("a", []), ("b", ["a"]))})).json()
    await finish(api, verb="fail", error="no", retryable=False)
    path = f"/pipelines/{made['id']}/events"
    end = (await api.all_of(path))[-1]
    assert (end.type, end.data) == ("end", {"reason": "failed"})
    assert (await api.post(f"/pipelines/{made['id']}/retry")).status_code == 200
    async with api.stream(path, last_event_id=end.id) as events:
        await events.until("status", job_id=made["jobs"]["a"], status="pending")
        await finish(api)
        await finish(api)
        assert (await events.closed())[-1].data == {"reason": "done"}


async def test_as_json_it_is_paged(api: Api) -> None:
    made = (await make(api, {"name": "p", "steps": steps(("a", []), ("b", ["a"]))})).json()
    seen: list[int] = []
    cursor = ""
    for _ in range(10):
        page = await api.get(
            f"/pipelines/{made['id']}/events?limit=1{cursor and '&after=' + cursor}",
            headers={"Accept": "application/json"},
        )
        seen += [each["id"] for each in page.json()["items"]]
        cursor = page.json()["next_cursor"]
        if page.json()["complete"]:
            break
    assert seen == sorted(set(seen))
    assert len(seen) >= 3


async def test_a_pruned_beginning_is_a_reset_and_where_it_stands(api: Api, conn: Connection) -> None:
    made = (await make(api, {"name": "p", "steps": steps(("a", []))})).json()
    await finish(api)
    await conn.execute("delete from jobstream.job_events")
    told = await api.all_of(f"/pipelines/{made['id']}/events")
    assert [each.type for each in told] == ["hello", "reset", "pipeline", "end"]
    assert told[1].data == {"reason": "pruned"}
    assert told[2].data["data"]["status"] == "done"


async def test_another_owners_pipeline_is_unknown(serve: Serve) -> None:
    api = await serve(auth="token")
    tokens = api.services.tokens
    alice = api.as_(await tokens.create("alice", ["read", "write"]))
    bob = api.as_(await tokens.create("bob", ["read", "write"]))
    operator = api.as_(await tokens.create("op", ["operate"]))
    made = (await make(alice, {"name": "p", "steps": steps(("a", []))})).json()
    path = f"/pipelines/{made['id']}/events"
    assert problem(await bob.get(path)) == (404, "not-found")
    for_bob = await make(operator, {"name": "p", "steps": steps(("a", [])), "owner": "bob"})
    assert for_bob.status_code == 202


async def test_a_bulk_operations_stream_ends_with_it(api: Api) -> None:
    for _ in range(3):
        await api.create()
    started = (await api.post("/bulk/cancel", {"filter": {"kind": "k"}})).json()
    assert started["matched"] == 3
    told = await api.all_of(f"/bulk/{started['id']}/events")
    assert [told[0].type, told[1].type, told[-1].type] == ["hello", "bulk", "end"]
    assert told[-2].data["done"] == 3
    back = await api.get(f"/bulk/{started['id']}/events", headers={"Last-Event-ID": told[-1].id})
    assert back.status_code == 204
    page = await api.get(f"/bulk/{started['id']}/events", headers={"Accept": "application/json"})
    assert page.json()["items"][0]["status"] == "done"
    assert problem(await api.get(f"/bulk/{UNKNOWN}/events")) == (404, "not-found")


@pytest.mark.parametrize("verb", ["cancel", "retry"])
async def test_a_verb_takes_nothing_that_it_does_not_know(api: Api, verb: str) -> None:
    made = (await make(api, {"name": "p", "steps": steps(("a", []))})).json()
    refused = await api.post(f"/pipelines/{made['id']}/{verb}", {"force": True})
    assert problem(refused) == (400, "invalid")
    assert pointers(refused) == ["/force"]
