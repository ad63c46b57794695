from tests.api.support import UNKNOWN, Api, pointers, problem
from tests.support import Connection


async def test_stats_tell_what_was_done_failed_and_waited_for(api: Api) -> None:
    for _ in range(3):
        await api.create(queue="q")
    await api.verb(await api.claim(queues=["q"]), "complete")
    await api.verb(await api.claim(queues=["q"]), "fail", error="e", retryable=False)
    answer = await api.get("/stats?seconds=600")
    assert answer.headers["cache-control"] == "no-store"
    found = answer.json()
    totals = {
        name: sum(bucket[name] for bucket in found["buckets"])
        for name in ("enqueued", "done", "failed", "dlq")
    }
    assert totals == {"enqueued": 3, "done": 1, "failed": 1, "dlq": 1}
    assert [count for _, count in found["queues"]["q"]] == [1]
    assert found["step_seconds"] == 10
    assert 0 <= found["wait"]["p50"] <= found["wait"]["p95"]


async def test_how_far_stats_reach_is_clamped(api: Api) -> None:
    assert (await api.get("/stats?seconds=1")).json()["step_seconds"] == 1
    assert (await api.get("/stats?seconds=99999999999")).json()["step_seconds"] == 86_400 / 60
    answer = await api.get("/stats?seconds=x")
    assert problem(answer) == (400, "invalid")
    assert pointers(answer) == ["seconds"]


async def test_dead_letters_are_grouped_by_what_went_wrong(api: Api) -> None:
    for error in ("timeout after 3 s", "timeout after 7 s", "no such file"):
        await api.create("a", queue="q")
        await api.verb(await api.claim(queues=["q"]), "fail", error=error, retryable=False)
    found = (await api.get("/errors")).json()
    assert (found["examined"], found["complete"]) == (3, True)
    assert sorted((group["kind"], group["count"]) for group in found["items"]) == [("a", 1), ("a", 2)]


async def test_a_job_says_why_it_does_not_run(api: Api) -> None:
    id = await api.create()
    text = (await api.get(f"/jobs/{id}/explain")).json()["explanation"]
    assert isinstance(text, str)
    assert text
    assert problem(await api.get(f"/jobs/{UNKNOWN}/explain")) == (404, "not-found")
    assert problem(await api.get("/jobs/x/explain")) == (400, "invalid")


async def test_health_has_a_line_for_each_check(api: Api) -> None:
    found = (await api.get("/health")).json()
    assert found["checks"]
    assert all(check["name"] and check["status"] for check in found["checks"])
    assert found["stuck"] == []


async def test_activity_tells_who_did_what_and_not_what_was_made(api: Api, conn: Connection) -> None:
    ids = [await api.create() for _ in range(3)]
    await api.post(f"/jobs/{ids[0]}/cancel")
    await conn.execute("set application_name = 'psql'")
    await conn.execute("update jobstream.jobs set status = 'cancelled' where id = any ($1::text[])", ids[1:])
    found = (await api.get("/activity")).json()
    deeds = [(deed["by"], deed["status"], deed["count"]) for deed in found["items"]]
    assert [(status, count) for _, status, count in deeds] == [("cancelled", 2), ("cancelled", 1)]
    assert deeds[0][0].endswith("psql")
    assert deeds[1][0] == "local"
    answer = await api.get("/activity?before=x")
    assert problem(answer) == (400, "invalid")
    assert pointers(answer) == ["before"]
