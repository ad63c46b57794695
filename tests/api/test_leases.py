import asyncio
from typing import Any

import pytest

from tests.api.support import Api, new_key, pointers, problem
from tests.support import Connection, eventually


async def test_a_worker_is_given_the_whole_job(api: Api) -> None:
    id = await api.create("resize", args={"path": "a"})
    lease = await api.claim()
    assert (lease["job"]["id"], lease["attempt"]) == (id, 1)
    assert lease["job"]["spec"]["args"] == {"path": "a"}
    assert lease["lease_until"] == lease["job"]["lifecycle"]["lease_until"]
    assert lease["job"]["lifecycle"]["worker"] == "w"


async def test_there_may_be_nothing_to_do(api: Api) -> None:
    answer = await api.post("/leases", {"worker": "w"})
    assert answer.json() == {"leases": []}


async def test_a_worker_waits_for_work(api: Api) -> None:
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(api.claim(wait=10))
        id = await api.create()
    assert waiting.result()["job"]["id"] == id


async def test_waiting_ends_in_time(api: Api) -> None:
    assert (await api.post("/leases", {"worker": "w", "wait": 0.05})).json() == {"leases": []}


async def test_a_worker_that_hung_up_gets_no_job(api: Api) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await api.claim(wait=30)
    id = await api.create()

    async def given_back() -> bool:
        lease = (await api.post("/leases", {"worker": "other"})).json()["leases"]
        return [each["job"]["id"] for each in lease] == [id]

    await eventually(given_back)
    retry = (await api.job(id))["retry"]
    assert (retry["failures"], retry["attempt"]) == (0, 1)


async def test_several_are_claimed_at_once_over_several_queues(api: Api) -> None:
    for queue in ("a", "b", "b", "c"):
        await api.create(queue=queue)
    answer = await api.post("/leases", {"worker": "w", "queues": ["a", "b"], "limit": 10})
    assert [each["job"]["spec"]["queue"] for each in answer.json()["leases"]] == ["a", "b", "b"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/worker"),
        ({"worker": ""}, "/worker"),
        ({"worker": "w", "limit": 0}, "/limit"),
        ({"worker": "w", "queues": []}, "/queues"),
        ({"worker": "w", "queues": ["a b"]}, "/queues/0"),
        ({"worker": "w", "wait": 61}, "/wait"),
        ({"worker": "w", "lease_seconds": 0}, "/lease_seconds"),
    ],
)
async def test_a_claim_that_makes_no_sense_is_refused(api: Api, body: Any, pointer: str) -> None:
    answer = await api.post("/leases", body)
    assert problem(answer) == (400, "invalid")
    assert pointers(answer) == [pointer]


async def test_a_lease_is_held_on(api: Api) -> None:
    await api.create()
    lease = await api.claim(lease_seconds=5)
    beat = await api.verb(lease, "heartbeat", lease_seconds=60)
    assert beat.status_code == 200
    assert beat.json()["lease_until"] > lease["lease_until"]
    assert beat.json()["cancel_requested"] is False


async def test_progress_and_cost_show(api: Api) -> None:
    id = await api.create()
    lease = await api.claim()
    answer = await api.verb(lease, "progress", current=1, total=4, step="one", cost_usd=0.25)
    assert answer.json() == {"cancel_requested": False}
    job = await api.job(id)
    assert job["lifecycle"]["progress"]["percent"] == 25.0
    assert job["lineage"]["cost_usd"] == 0.25


async def test_complete_fail_and_release_end_the_attempt(api: Api) -> None:
    await api.create()
    assert (await api.verb(await api.claim(), "release")).json() == {"status": "pending"}
    failed = await api.verb(await api.claim(), "fail", error={"type": "E", "message": "no", "traceback": "t"})
    assert failed.json() == {"status": "failed"}
    await api.create()
    lease = await api.claim()
    assert (await api.verb(lease, "complete", result=[1])).json() == {"status": "done"}
    assert (await api.verb(lease, "complete", result=[1])).json() == {"status": "done"}


async def test_a_failure_that_is_not_to_be_retried(api: Api) -> None:
    id = await api.create()
    answer = await api.verb(await api.claim(), "fail", error="broken", retryable=False)
    assert answer.json() == {"status": "dlq"}
    job = await api.job(id)
    assert (job["lifecycle"]["reason"], job["retry"]["last_error"]) == ("not_retryable", "broken")


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("heartbeat", {}),
        ("progress", {"current": 1}),
        ("log", {"message": "m"}),
        ("emit", {"type": "t"}),
        ("complete", {}),
        ("fail", {"error": "e"}),
        ("release", {}),
    ],
)
async def test_a_lease_that_is_lost_counts_for_nothing(api: Api, verb: str, body: dict[str, Any]) -> None:
    id = await api.create()
    first = await api.claim()
    await api.verb(first, "release")
    await api.claim("other")
    before = await api.job(id)
    # Releasing again with the attempt that the release ended is a repeated acknowledgement and no loss.
    expected = (200, None) if verb == "release" else (409, "lease-lost")
    answer = await api.verb(first, verb, **body)
    assert (answer.status_code, None if answer.status_code == 200 else problem(answer)[1]) == expected
    assert (await api.job(id)) == before


@pytest.mark.parametrize(
    "result", [rb'"\u0000"', rb'{"a": "\ud800"}', b"1e400000", b"[" * 3 + b"1e999999" + b"]" * 3]
)
async def test_a_result_that_cannot_be_stored_ends_the_job(api: Api, result: bytes) -> None:
    id = await api.create()
    lease = await api.claim()
    answer = await api.post(
        f"/jobs/{id}/complete",
        content=b'{"attempt": %d, "result": %b}' % (lease["attempt"], result),
        headers={"Content-Type": "application/json"},
    )
    assert (answer.status_code, answer.json()) == (200, {"status": "dlq"})
    assert (await api.job(id))["lifecycle"]["reason"] == "unstorable_result"


async def test_a_result_over_the_limit_is_too_large(api: Api) -> None:
    await api.create()
    lease = await api.claim()
    answer = await api.verb(lease, "complete", result="x" * (1 << 20))
    assert problem(answer) == (413, "too-large")
    assert pointers(answer) == ["/result"]
    assert (await api.verb(lease, "complete")).status_code == 200


async def test_what_an_error_cannot_hold_is_replaced(api: Api) -> None:
    id = await api.create()
    lease = await api.claim()
    answer = await api.post(
        f"/jobs/{id}/fail",
        content=rb'{"attempt": 1, "retryable": false, "error": {"message": "a\u0000b\ud800"}}',
        headers={"Content-Type": "application/json"},
    )
    assert answer.json() == {"status": "dlq"}, lease
    assert (await api.job(id))["retry"][
        "last_error"
    ] == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    "type", ["status", "message", "open", "error", "heartbeat", "Upper", "", "x" * 65, "a b"]
)
async def test_a_type_that_is_not_a_workers_is_refused(api: Api, type: str) -> None:
    await api.create()
    answer = await api.verb(await api.claim(), "emit", type=type)
    assert problem(answer) == (400, "invalid")


async def test_events_over_the_limit_are_refused(api: Api) -> None:
    await api.create()
    lease = await api.claim()
    for verb, member, fits in (("emit", "data", 64 * 1024 - 2), ("log", "message", 8 * 1024)):
        more = {"type": "t"} if verb == "emit" else {}
        assert (await api.verb(lease, verb, **more, **{member: "x" * fits})).status_code == 200
        refused = await api.verb(lease, verb, **more, **{member: "x" * (fits + 1)})
        assert problem(refused) == (400, "invalid")
        assert pointers(refused) == [f"/{member}"]


@pytest.mark.parametrize("attempt", [0, -1, 2**31, 1.5, "1", None])
async def test_an_attempt_that_is_none_is_refused(api: Api, attempt: Any) -> None:
    await api.create()
    lease = await api.claim()
    answer = await api.verb({**lease, "attempt": attempt}, "heartbeat")
    assert problem(answer) == (400, "invalid")
    assert pointers(answer) == ["/attempt"]


async def test_a_job_that_plain_sql_filled_with_the_extreme_is_still_shown(
    api: Api, conn: Connection
) -> None:
    id = await api.create(key=new_key())
    await conn.execute(
        """update jobstream.jobs
        set args = '{"n": 1e400, "deep": [0.1000000000000000000001]}', labels = '{"a": "b"}' where id = $1""",
        id,
    )
    for path in (f"/jobs/{id}", "/jobs", f"/jobs/{id}/events?from=earliest&limit=1"):
        answer = await api.get(path, headers={"Accept": "application/json"})
        assert answer.status_code == 200, answer.text
