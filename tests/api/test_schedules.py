from tests.api.conftest import Serve
from tests.api.support import Api, pointers, problem

NIGHTLY = {"cron": "0 3 * * *", "timezone": "Europe/Rome", "spec": {"kind": "nightly", "args": {"a": 1}}}


async def test_a_schedule_is_put_listed_run_and_deleted(api: Api) -> None:
    made = await api.request("PUT", "/schedules/nightly", json=NIGHTLY)
    assert made.status_code == 200, made.text
    [found] = (await api.get("/schedules")).json()["items"]
    assert (found["name"], found["cron"], found["timezone"]) == ("nightly", "0 3 * * *", "Europe/Rome")
    assert (found["paused"], found["catch_up"], found["spec"]["kind"]) == (False, "last", "nightly")
    assert "03:00" in found["explanation"]
    assert len(found["upcoming"]) == 5
    ran = await api.post("/schedules/nightly/run", {})
    job = await api.job(ran.json()["id"])
    assert (job["spec"]["kind"], job["spec"]["args"]) == ("nightly", {"a": 1})
    assert (job["scheduling"]["trigger"], job["scheduling"]["cron_expr"]) == ("schedule", "0 3 * * *")
    assert (await api.request("DELETE", "/schedules/nightly")).status_code == 204
    assert (await api.get("/schedules")).json()["items"] == []
    for method, path in (("DELETE", "/schedules/nightly"), ("POST", "/schedules/nightly/run")):
        assert problem(await api.request(method, path)) == (404, "not-found")


async def test_what_is_left_out_stays(api: Api) -> None:
    await api.request("PUT", "/schedules/s", json={**NIGHTLY, "catch_up": "all"})
    paused = await api.request("PUT", "/schedules/s", json={"paused": True})
    body = paused.json()
    assert (body["paused"], body["catch_up"], body["spec"]["args"]) == (True, "all", {"a": 1})
    moved = await api.request("PUT", "/schedules/s", json={"cron": "* * * * *"})
    assert (moved.json()["paused"], moved.json()["cron"]) == (True, "* * * * *")


async def test_what_is_no_schedule_is_refused_with_a_pointer(api: Api) -> None:
    for change, pointer in (
        ({"cron": "never"}, "/cron"),
        ({"cron": "0 0 30 2 *"}, "/cron"),
        ({"cron": None}, "/cron"),
        ({"spec": None}, "/spec"),
        ({"timezone": "Mars/Base"}, "/timezone"),
        ({"timezone": "../../etc"}, "/timezone"),
        ({"catch_up": "some"}, "/catch_up"),
        ({"spec": {"kind": "no no"}}, "/spec/kind"),
        ({"spec": {"kind": "k", "nope": 1}}, "/spec/nope"),
        ({"spec": {"kind": "k", "args": "\0"}}, "/spec/args"),
    ):
        answer = await api.request("PUT", "/schedules/s", json={**NIGHTLY, **change})
        assert problem(answer) == (400, "invalid"), (change, answer.text)
        assert pointers(answer) == [pointer]
    assert problem(await api.request("PUT", "/schedules/no%20no", json=NIGHTLY)) == (400, "invalid")


async def test_schedules_are_for_operators(serve: Serve) -> None:
    api = await serve(auth="token")
    alice = api.as_(await api.services.tokens.create("alice", ["read", "write"]))
    operator = api.as_(await api.services.tokens.create("op", ["operate"]))
    assert problem(await alice.request("PUT", "/schedules/s", json=NIGHTLY)) == (403, "forbidden")
    assert (await operator.request("PUT", "/schedules/s", json=NIGHTLY)).status_code == 200
    assert (await alice.get("/schedules")).json()["items"] == []
