import asyncio
from typing import Any

import pytest

from tests.api.support import UNKNOWN, Api, new_key, pointers, problem

STEP = {"key": "a", "spec": {"kind": "k"}}


async def test_a_job_is_accepted_and_found_where_it_says(api: Api) -> None:
    answer = await api.make({"spec": {"kind": "resize", "args": {"path": "a.jpg"}}})
    assert answer.status_code == 202
    body = answer.json()
    assert body["status"] == "pending"
    assert body["idempotent"] is False
    found = await api.http.get(answer.headers["location"])
    assert found.json()["id"] == body["id"]
    assert found.json()["spec"]["args"] == {"path": "a.jpg"}


async def test_the_same_request_again_gives_the_same_job(api: Api) -> None:
    first = await api.make({"spec": {"kind": "k"}}, key="one")
    again = await api.make({"spec": {"kind": "k"}}, key="one")
    assert again.status_code == 200
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == {**first.json(), "idempotent": True}
    assert again.headers["location"] == first.headers["location"]
    assert "idempotent-replayed" not in first.headers


async def test_the_same_key_with_another_request_is_refused(api: Api) -> None:
    first = await api.make({"spec": {"kind": "k"}}, key="one")
    answer = await api.make({"spec": {"kind": "k", "args": {"other": True}}}, key="one")
    assert problem(answer) == (422, "key-reused")
    assert answer.json()["job_id"] == first.json()["id"]


async def test_all_of_a_request_takes_effect_and_shows(api: Api) -> None:
    parent = await api.create()
    awaited = await api.create()
    wanted: dict[str, Any] = {
        "spec": {
            "kind": "k",
            "args": [1, {"two": 3.5}],
            "queue": "images",
            "priority": -5,
            "labels": {"tenant": "a:b"},
            "concurrency_key": "c",
            "unique": "active",
            "unique_key": "u",
            "class": "big",
            "mode": "m",
            "scope": "s",
        },
        "scheduling": {
            "scheduled_at": "2100-01-01T00:00:00Z",
            "deadline": "2100-01-02T00:00:00Z",
            "await_jobs": [awaited],
            "await_for": "ended",
        },
        "retry": {"max_attempts": 7, "backoff": {"type": "fixed", "base": 1, "max": 2, "jitter": 0}},
        "lineage": {"triggered_by": "cron", "parent_job": parent},
        "timeout_seconds": 60,
        "owner": "local",
    }
    answer = await api.make(wanted)
    assert answer.status_code == 202, answer.text
    job = await api.job(answer.json()["id"])
    assert {name: job["spec"][name] for name in wanted["spec"]} == wanted["spec"]
    assert {name: job["scheduling"][name] for name in wanted["scheduling"]} == wanted["scheduling"]
    assert job["retry"]["max_attempts"] == 7
    assert job["retry"]["backoff"] == wanted["retry"]["backoff"]
    assert job["lineage"]["parent_job"] == parent
    assert job["lineage"]["triggered_by"] == "cron"
    assert job["timeout_seconds"] == 60
    assert job["owner"] == "local"
    assert job["lifecycle"]["status"] == "waiting"
    assert (await api.job(parent))["lineage"]["children"] == [job["id"]]


async def test_a_job_may_be_made_for_another_owner(api: Api) -> None:
    answer = await api.make({"spec": {"kind": "k"}, "owner": "somebody"})
    assert (await api.job(answer.json()["id"]))["owner"] == "somebody"


async def test_a_delay_makes_a_job_wait(api: Api) -> None:
    answer = await api.make({"spec": {"kind": "k"}, "scheduling": {"delay_seconds": 60.5}})
    assert answer.json()["status"] == "waiting"


async def test_with_auth_off_jobs_are_local(api: Api) -> None:
    assert (await api.job(await api.create()))["owner"] == "local"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/spec"),
        ({"spec": {"kind": "k", "nope": 1}}, "/spec/nope"),
        ({"spec": {"kind": "k"}, "nope": 1}, "/nope"),
        ({"spec": {"kind": "k", "labels": {str(n): "" for n in range(33)}}}, "/spec/labels"),
        ({"spec": {"kind": "k", "labels": {"a": "x" * 129}}}, "/spec/labels"),
        ({"spec": {"kind": "k", "class": "x" * 1025}}, "/spec/class"),
        ({"spec": {"kind": "k"}, "lineage": {"triggered_by": "x" * 1025}}, "/lineage/triggered_by"),
        ({"spec": {"kind": "k", "concurrency_key": ""}}, "/spec/concurrency_key"),
        (
            {
                "spec": {"kind": "k"},
                "scheduling": {"scheduled_at": "2100-01-01T00:00:00Z", "delay_seconds": 1},
            },
            "/scheduling",
        ),
        ({"spec": {"kind": "k", "unique": "active"}}, "/spec/unique"),
    ],
)
async def test_a_request_that_makes_no_job_is_refused_with_a_pointer(
    api: Api, body: Any, pointer: str
) -> None:
    answer = await api.make(body)
    assert problem(answer) == (400, "invalid")
    assert pointers(answer)[0].startswith(pointer)


async def test_awaiting_an_unknown_job_is_not_found(api: Api) -> None:
    answer = await api.make({"spec": {"kind": "k"}, "scheduling": {"await_jobs": [UNKNOWN]}})
    assert problem(answer) == (404, "not-found")
    assert pointers(answer) == ["/scheduling/await_jobs"]


async def test_args_over_the_limit_are_too_large(api: Api) -> None:
    answer = await api.make({"spec": {"kind": "k", "args": "x" * (1 << 20)}})
    assert answer.status_code in (400, 413)
    assert pointers(answer) == ["/spec/args"]


async def test_a_body_over_the_limit_is_too_large(api: Api) -> None:
    answer = await api.make({"spec": {"kind": "k", "args": "x" * (17 << 20)}})
    assert problem(answer) == (413, "too-large")


@pytest.mark.parametrize("key", ["", "a b", "é", "x" * 257, "tab\there"])
async def test_a_key_that_is_none_is_refused(api: Api, key: str) -> None:
    answer = await api.post(
        "/jobs", {"spec": {"kind": "k"}}, headers={"Idempotency-Key": key.encode("latin-1")}
    )
    assert problem(answer) == (400, "invalid")
    assert [each["header"] for each in answer.json()["errors"]] == ["Idempotency-Key"]


@pytest.mark.parametrize("path", ["/jobs", "/pipelines"])
@pytest.mark.parametrize("count", [0, 2])
async def test_without_one_key_nothing_is_made(api: Api, path: str, count: int) -> None:
    body = {"spec": {"kind": "k"}} if path == "/jobs" else {"name": "p", "steps": [STEP]}
    answer = await api.http.post(f"/api/v1{path}", json=body, headers=[("Idempotency-Key", "k")] * count)
    assert problem(answer) == (400, "invalid")
    assert [each["header"] for each in answer.json()["errors"]] == ["Idempotency-Key"]
    assert (await api.get(path)).json()["items"] == []


async def test_the_longest_key_is_taken_as_it_stands(api: Api) -> None:
    key = "!~" * 128
    id = await api.create(key=key)
    assert (await api.job(id))["idempotency_key"] == key


async def test_fifty_at_once_make_one_job(api: Api) -> None:
    answers = await asyncio.gather(*(api.make({"spec": {"kind": "k"}}, key="same") for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] * 49 + [202]
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_a_batch_is_made_in_order(api: Api) -> None:
    answer = await api.post("/jobs/batch", {"items": [{"spec": {"kind": f"k{n}"}} for n in range(5)]})
    assert answer.status_code == 202
    made = answer.json()["items"]
    assert [(await api.job(each["id"]))["spec"]["kind"] for each in made] == [f"k{n}" for n in range(5)]


async def test_a_batch_with_a_bad_item_makes_nothing_and_points_at_it(api: Api) -> None:
    await api.make({"spec": {"kind": "k"}}, key="taken")
    items = [{"spec": {"kind": "k"}} for _ in range(5)]
    items[3] = {"spec": {"kind": "other"}, "idempotency_key": "taken"}  # type: ignore[dict-item]
    answer = await api.post("/jobs/batch", {"items": items})
    assert problem(answer) == (422, "key-reused")
    assert pointers(answer) == ["/items/3"]
    assert len((await api.get("/jobs")).json()["items"]) == 1


async def test_a_batch_of_more_than_a_thousand_is_refused(api: Api) -> None:
    answer = await api.post("/jobs/batch", {"items": [{"spec": {"kind": "k"}}] * 1001})
    assert problem(answer) == (400, "invalid")


async def test_a_detail_that_has_not_changed_is_not_sent_again(api: Api) -> None:
    id = await api.create()
    first = await api.get(f"/jobs/{id}")
    etag = first.headers["etag"]
    again = await api.get(f"/jobs/{id}", headers={"If-None-Match": etag})
    assert again.status_code == 304
    assert again.content == b""
    assert again.headers["event-cursor"]
    await api.post(f"/jobs/{id}/cancel")
    assert (await api.get(f"/jobs/{id}", headers={"If-None-Match": etag})).status_code == 200


@pytest.mark.parametrize("path", ["", "/result", "/events"])
async def test_what_is_no_id_is_refused_and_an_unknown_one_not_found(api: Api, path: str) -> None:
    for id in ("nope", UNKNOWN.lower(), UNKNOWN[:-1], "8" + UNKNOWN[1:], "%00" + UNKNOWN[1:]):
        assert problem(await api.get(f"/jobs/{id}{path}")) == (400, "invalid")
    assert problem(await api.get(f"/jobs/{UNKNOWN}{path}")) == (404, "not-found")


async def test_cancelling_is_idempotent(api: Api) -> None:
    id = await api.create()
    for _ in range(2):
        answer = await api.post(f"/jobs/{id}/cancel")
        assert (answer.status_code, answer.json()) == (200, {"id": id, "status": "cancelled"})


async def test_a_running_job_is_cancelled_only_by_force(api: Api) -> None:
    id = await api.create()
    lease = await api.claim()
    assert problem(await api.post(f"/jobs/{id}/cancel")) == (409, "conflict")
    forced = await api.post(f"/jobs/{id}/cancel", {"force": True})
    assert (forced.status_code, forced.json()) == (202, {"id": id, "status": "running"})
    beat = await api.verb(lease, "heartbeat")
    assert beat.json()["cancel_requested"] is True
    assert (await api.verb(lease, "release")).json() == {"status": "cancelled"}


@pytest.mark.parametrize("verb", ["cancel", "retry", "run-now"])
async def test_a_verb_on_what_is_not_there(api: Api, verb: str) -> None:
    assert problem(await api.post(f"/jobs/{UNKNOWN}/{verb}")) == (404, "not-found")
    assert problem(await api.post(f"/jobs/nope/{verb}")) == (400, "invalid")


async def test_a_job_that_has_ended_is_set_going_again(api: Api) -> None:
    id = await api.create()
    assert problem(await api.post(f"/jobs/{id}/retry")) == (409, "conflict")
    await api.post(f"/jobs/{id}/cancel")
    answer = await api.post(f"/jobs/{id}/retry")
    assert (answer.status_code, answer.json()) == (200, {"id": id, "status": "pending"})


async def test_a_waiting_job_is_made_due(api: Api) -> None:
    made = await api.make({"spec": {"kind": "k"}, "scheduling": {"delay_seconds": 3600}})
    id = made.json()["id"]
    later = await api.post(f"/jobs/{id}/reschedule", {"at": "2100-01-01T00:00:00Z"})
    assert later.json() == {"id": id, "status": "waiting"}
    assert (await api.job(id))["scheduling"]["scheduled_at"] == "2100-01-01T00:00:00Z"
    assert (await api.post(f"/jobs/{id}/run-now")).json() == {"id": id, "status": "pending"}


async def test_a_result_is_waited_for(api: Api) -> None:
    id = await api.create()
    assert (await api.get(f"/jobs/{id}/result")).status_code == 202
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(api.get(f"/jobs/{id}/result?wait=10"))
        lease = await api.claim()
        await api.verb(lease, "complete", result={"answer": 42})
    answer = waiting.result()
    assert answer.status_code == 200
    assert answer.json() == {"status": "done", "result": {"answer": 42}, "error": None}


async def test_waiting_for_a_result_ends_in_time(api: Api) -> None:
    id = await api.create()
    answer = await api.get(f"/jobs/{id}/result", headers={"Prefer": "wait=0"}, params={"wait": "0.05"})
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")


async def test_unknown_parameters_are_refused(api: Api) -> None:
    answer = await api.get("/jobs", params={"statsu": "done"})
    assert problem(answer) == (400, "invalid")
    assert pointers(answer) == ["statsu"]


async def test_pages_follow_their_link_to_the_end(api: Api) -> None:
    made = [await api.create() for _ in range(7)]
    found: list[str] = []
    url = f"{api.address}/api/v1/jobs?limit=3&status=pending"
    while url:
        answer = await api.http.get(url)
        found += [each["id"] for each in answer.json()["items"]]
        assert answer.headers["event-cursor"]
        following = answer.links.get("next", {}).get("url")
        assert (following is None) == (answer.json()["next_cursor"] is None)
        url = f"{api.address}{following}" if following else ""
    assert found == made[::-1]


async def test_filters_of_one_name_mean_or_and_others_and(api: Api) -> None:
    one = await api.create("a", queue="x", labels={"t": "1"})
    two = await api.create("b", queue="x", labels={"t": "2"})
    await api.create("c", queue="x")
    await api.create("a", queue="y")

    async def ids(query: str) -> set[str]:
        answer = await api.get(f"/jobs?{query}")
        assert answer.status_code == 200, answer.text
        return {each["id"] for each in answer.json()["items"]}

    assert await ids("kind=a&kind=b&queue=x") == {one, two}
    assert await ids("label=t:1&label=t:2") == {one, two}
    assert await ids("label=t:1") == {one}
    assert await ids("status=done") == set()
    assert await ids("owner=nobody") == set()
    assert len(await ids("since=0")) == 4
    assert await ids("until=0") == set()
    assert await ids("q=b") == {two}


@pytest.mark.parametrize(
    "query",
    [
        "status=odd",
        "label=x",
        "since=odd",
        "pipeline_id=x",
        "limit=x",
        "cursor=x",
        "kind=%00",
        "q=%00",
        "kind=%ED%A0%80%00",
    ],
)
async def test_a_bad_filter_is_refused(api: Api, query: str) -> None:
    assert problem(await api.get(f"/jobs?{query}")) == (400, "invalid")


async def test_a_cursor_works_only_with_its_filter(api: Api) -> None:
    for _ in range(3):
        await api.create(queue="x")
    cursor = (await api.get("/jobs?queue=x&limit=1")).json()["next_cursor"]
    assert (await api.get(f"/jobs?queue=x&limit=1&cursor={cursor}")).status_code == 200
    assert problem(await api.get(f"/jobs?queue=y&limit=1&cursor={cursor}")) == (400, "invalid")


@pytest.mark.parametrize(("limit", "count"), [("0", 1), ("-5", 1), ("2", 2), ("1000", 4)])
async def test_a_limit_is_clamped(api: Api, limit: str, count: int) -> None:
    for _ in range(4):
        await api.create()
    assert len((await api.get(f"/jobs?limit={limit}")).json()["items"]) == count


async def test_nul_in_a_request_is_refused_with_its_place(api: Api) -> None:
    body = rb'{"spec": {"kind": "k", "args": {"a": ["\u0000"]}}}'
    answer = await api.post(
        "/jobs", content=body, headers={"Idempotency-Key": new_key(), "Content-Type": "application/json"}
    )
    assert problem(answer) == (400, "invalid")
    assert pointers(answer) == ["/spec/args/a/0"]


@pytest.mark.parametrize("field", ["concurrency_key", "unique_key", "class", "mode", "scope"])
async def test_nul_in_any_text_is_refused(api: Api, field: str) -> None:
    answer = await api.make({"spec": {"kind": "k", field: "\0"}})
    assert problem(answer) == (400, "invalid")
    assert pointers(answer) == [f"/spec/{field}"]


async def test_paths_and_methods_that_there_are_not(api: Api) -> None:
    assert problem(await api.get("/nope")) == (404, "not-found")
    answer = await api.request("DELETE", "/jobs")
    assert problem(answer) == (405, "invalid")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


async def test_a_body_that_is_missing_is_asked_for(api: Api) -> None:
    answer = await api.post("/jobs", headers={"Idempotency-Key": "k"})
    assert problem(answer) == (400, "invalid")
    assert pointers(answer) == [""]


async def test_a_body_that_may_be_missing_may_be_empty_or_null(api: Api) -> None:
    for body in (None, b"null", b"{}"):
        id = await api.create()
        headers = {"Content-Type": "application/json"}
        assert (await api.post(f"/jobs/{id}/cancel", content=body, headers=headers)).status_code == 200
        assert (await api.post(f"/jobs/{id}/retry", content=body, headers=headers)).status_code == 200
    refused = await api.post(f"/jobs/{id}/retry", {"force": True})
    assert problem(refused) == (400, "invalid")


@pytest.mark.parametrize(
    "query",
    [
        "until=9999-12-31T23:59:59.999999Z",
        "since=0001-01-01T00:00:00%2B14:00",
        "until=0001-01-01T00:00:00-14:00",
    ],
)
async def test_times_beyond_all_that_there_can_be_find_what_lies_within(api: Api, query: str) -> None:
    id = await api.create()
    answer = await api.get(f"/jobs?{query}")
    assert answer.status_code == 200, answer.text
    found = [each["id"] for each in answer.json()["items"]]
    assert found == ([] if query.startswith("until=0001") else [id])


@pytest.mark.parametrize("query", ["limit=1&limit=2", "since=0&since=1", "cursor=x", "cursor=a&cursor=b"])
async def test_a_parameter_that_says_nothing_clear_is_refused_by_its_name(api: Api, query: str) -> None:
    answer = await api.get(f"/jobs?{query}")
    assert problem(answer) == (400, "invalid")
    assert [each["parameter"] for each in answer.json()["errors"]] == [query.partition("=")[0]]
