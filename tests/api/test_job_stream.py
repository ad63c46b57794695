import asyncio
import json
from typing import Any

import pytest

from tests.api.conftest import Serve
from tests.api.support import Api, Told
from tests.support import Connection, eventually


async def finished(api: Api, *, steps: int = 3) -> tuple[str, list[Told]]:
    """A job that has ended, and its whole stream."""
    id = await api.create()
    lease = await api.claim()
    for step in range(1, steps + 1):
        await api.verb(lease, "progress", current=step, total=steps, step=f"part {step}")
    await api.verb(lease, "complete", result={"answer": 42})
    return id, await api.all_of(f"/jobs/{id}/events")


def stored(told: list[Told]) -> list[Told]:
    return [each for each in told if each.type not in ("hello", "heartbeat", "reset", "end")]


async def test_the_history_of_a_job_that_has_ended_comes_at_once_and_ends(api: Api) -> None:
    id, told = await finished(api, steps=2)
    assert [each.type for each in told] == [
        "hello",
        "status",
        "status",
        "progress",
        "progress",
        "status",
        "end",
    ]
    hello, end = told[0], told[-1]
    assert hello.data["status"] == "done"
    assert hello.id == "0"
    assert end.data == {"reason": "done"}
    assert end.id == told[-2].id
    last = told[-2].data
    assert (last["status"], last["data"]["from"], last["data"]["result"]) == (
        "done",
        "running",
        {"answer": 42},
    )
    assert last["job_id"] == id


async def test_ids_are_the_events_own_and_rise(api: Api) -> None:
    _, told = await finished(api)
    assert [int(each.id) for each in stored(told)] == [each.data["id"] for each in stored(told)]
    assert [each.data["id"] for each in stored(told)] == sorted({each.data["id"] for each in stored(told)})


async def test_an_event_has_all_that_the_contract_says(api: Api) -> None:
    id = await api.create("resize", queue="images", labels={"a": "b"})
    lease = await api.claim(queues=["images"])
    await api.verb(lease, "progress", current=50, total=100, step="half")
    async with api.stream(f"/jobs/{id}/events") as events:
        told = await events.until("progress")
    assert set(told.data) == {
        "id", "job_id", "type", "status", "attempt", "at", "queue", "kind", "pipeline_id", "labels", "by", "data",
    }  # fmt: skip
    assert told.data["labels"] == {"a": "b"}
    assert (told.data["queue"], told.data["kind"], told.data["attempt"]) == ("images", "resize", 1)
    assert told.data["data"]["percent"] == 50.0
    assert set(told.data["data"]) == {"current", "total", "percent", "step", "eta_secs"}


async def test_what_happens_is_followed_live_to_the_end(api: Api) -> None:
    id = await api.create()
    async with api.stream(f"/jobs/{id}/events") as events:
        await events.until("status")
        lease = await api.claim()
        assert (await events.until("status")).data["status"] == "running"
        await api.verb(lease, "log", message="so far so good")
        assert (await events.until("log")).data["data"]["message"] == "so far so good"
        await api.verb(lease, "emit", type="page.rendered", data={"page": 1})
        assert (await events.until("page.rendered")).data["data"] == {"page": 1}
        await api.verb(lease, "complete")
        assert [each.type for each in await events.closed()] == ["status", "end"]


async def test_a_plain_update_shows_on_the_stream(api: Api, conn: Connection) -> None:
    id = await api.create()
    async with api.stream(f"/jobs/{id}/events") as events:
        await events.until("status")
        await conn.execute("update jobstream.jobs set status = 'cancelled' where id = $1", id)
        told = await events.until("status")
        assert told.data["status"] == "cancelled"
        assert told.data["by"]
        assert (await events.until("end")).data == {"reason": "cancelled"}


async def test_who_cancelled_is_told(api: Api) -> None:
    id = await api.create()
    await api.post(f"/jobs/{id}/cancel")
    told = await api.all_of(f"/jobs/{id}/events")
    assert told[-2].data["by"] == "local"


async def test_a_stream_cut_anywhere_joins_without_gap_or_repeat(api: Api) -> None:
    id, told = await finished(api, steps=4)
    whole = [each.id for each in stored(told)]
    for cut in range(len(whole) - 1):
        rest = await api.all_of(f"/jobs/{id}/events", last_event_id=whole[cut])
        assert [each.id for each in stored(rest)] == whole[cut + 1 :]
        assert rest[0].id == whole[cut]


async def test_a_cut_stream_goes_on_while_the_job_runs(api: Api) -> None:
    id = await api.create()
    lease = await api.claim()
    async with api.stream(f"/jobs/{id}/events") as events:
        await api.verb(lease, "progress", current=1)
        first = await events.until("progress")
    await api.verb(lease, "progress", current=2)
    async with api.stream(f"/jobs/{id}/events", last_event_id=first.id) as events:
        assert (await events.until("progress")).data["data"]["current"] == 2
        await api.verb(lease, "progress", current=3)
        assert (await events.until("progress")).data["data"]["current"] == 3
    assert first.data["data"]["current"] == 1


async def test_after_the_end_there_is_no_content(api: Api) -> None:
    id, told = await finished(api)
    for header in ({"Last-Event-ID": told[-1].id}, {"Last-Event-ID": told[-2].id}):
        answer = await api.get(f"/jobs/{id}/events", headers=header)
        assert (answer.status_code, answer.content) == (204, b"")
    assert (await api.get(f"/jobs/{id}/events", params={"last_event_id": told[-1].id})).status_code == 204


async def test_after_a_retry_it_streams_again(api: Api) -> None:
    id, told = await finished(api)
    await api.post(f"/jobs/{id}/retry")
    async with api.stream(f"/jobs/{id}/events", last_event_id=told[-1].id) as events:
        assert (await events.until("status")).data["status"] == "pending"
        lease = await api.claim()
        await api.verb(lease, "complete")
        assert (await events.until("end")).data == {"reason": "done"}


async def test_an_end_in_the_middle_of_the_history_does_not_end_the_stream(api: Api) -> None:
    id, _ = await finished(api)
    await api.post(f"/jobs/{id}/retry")
    await api.post(f"/jobs/{id}/cancel")
    told = await api.all_of(f"/jobs/{id}/events")
    assert [each.data["status"] for each in told if each.type == "status"] == [
        "pending", "running", "done", "pending", "cancelled",
    ]  # fmt: skip
    assert [each.type for each in told].count("end") == 1


@pytest.mark.parametrize(
    "cursor",
    ["999999999", "-1", "1.5", "x", "g1.x", "g1.aaaaaaaa.AQ", "9" * 30, "a b", "é", "0001", "x" * 500],
)
async def test_a_cursor_that_is_none_of_ours_resets(api: Api, cursor: str) -> None:
    id, told = await finished(api)
    answer = await api.http.get(
        f"/api/v1/jobs/{id}/events", headers={b"Last-Event-ID": cursor.encode("latin-1")}
    )
    assert answer.status_code == 200
    blocks = [parsed(block) for block in answer.text.strip().split("\n\n")]
    assert [each.type for each in blocks] == ["hello", "reset", "status", "end"]
    assert blocks[1].data["reason"] in ("unknown", "epoch")
    assert {each.id for each in blocks[1:]} == {told[-1].id}
    assert blocks[2].data["status"] == "done"
    assert blocks[2].data["data"]["result"] == {"answer": 42}


async def test_who_is_cut_between_hello_and_reset_is_reset_again(api: Api) -> None:
    id, _ = await finished(api)
    for cursor in ("999999999", "a b"):
        told = await api.all_of(f"/jobs/{id}/events", last_event_id=cursor)
        again = await api.all_of(f"/jobs/{id}/events", last_event_id=told[0].id)
        assert [each.type for each in again][:2] == ["hello", "reset"]


async def test_an_event_of_another_job_is_no_cursor_here(api: Api) -> None:
    _, other = await finished(api)
    id, _ = await finished(api)
    told = await api.all_of(f"/jobs/{id}/events", last_event_id=other[1].id)
    assert told[1].type == "reset"


async def test_a_reset_goes_on_live(api: Api) -> None:
    id = await api.create()
    async with api.stream(f"/jobs/{id}/events", last_event_id="nonsense") as events:
        reset = await events.until("reset")
        assert (await events.until("status")).data["status"] == "pending"
        await api.claim()
        told = await events.until("status")
        assert told.data["status"] == "running"
        assert int(told.id) > int(reset.id)


async def test_zero_is_the_beginning(api: Api) -> None:
    id, told = await finished(api)
    assert await api.all_of(f"/jobs/{id}/events", last_event_id="0") == told


async def test_the_token_of_a_detail_continues_what_it_showed(api: Api) -> None:
    id = await api.create()
    token = (await api.get(f"/jobs/{id}")).headers["event-cursor"]
    lease = await api.claim()
    await api.verb(lease, "complete")
    told = await api.all_of(f"/jobs/{id}/events", last_event_id=token)
    assert [each.data["status"] for each in stored(told)] == ["running", "done"]


async def test_from_now_skips_the_history(api: Api) -> None:
    id = await api.create()
    async with api.stream(f"/jobs/{id}/events", **{"from": "now"}) as events:
        hello = await events.until("hello")
        assert int(hello.id) > 0
        await api.post(f"/jobs/{id}/cancel")
        assert (await events.until("status")).data["status"] == "cancelled"
        assert [each.type for each in events.seen] == ["hello", "status"]


async def test_since_skips_what_is_older(api: Api) -> None:
    id, told = await finished(api)
    at = told[3].data["at"]
    rest = await api.all_of(f"/jobs/{id}/events", since=at)
    assert [each.id for each in stored(rest)] == [each.id for each in stored(told) if each.data["at"] >= at]


async def test_a_start_that_makes_no_sense_is_refused(api: Api) -> None:
    id = await api.create()
    for query in ("since=yesterday", "from=here", "what=1"):
        assert (await api.get(f"/jobs/{id}/events?{query}")).status_code == 400


async def test_a_pruned_beginning_resets_and_tells_where_the_job_stands(api: Api, conn: Connection) -> None:
    id, told = await finished(api)
    await prune(conn, upto=int(told[3].id))
    again = await api.all_of(f"/jobs/{id}/events")
    assert [each.type for each in again] == ["hello", "reset", "status", "end"]
    assert again[1].data == {"reason": "pruned"}
    assert again[2].data["status"] == "done"
    cut = await api.all_of(f"/jobs/{id}/events", last_event_id=told[2].id)
    assert [each.type for each in cut] == ["hello", "reset", "status", "end"]
    assert cut[1].data == {"reason": "pruned"}


async def test_a_job_whose_events_are_all_pruned_still_ends(api: Api, conn: Connection) -> None:
    id, told = await finished(api)
    await prune(conn, upto=int(told[-1].id))
    again = await api.all_of(f"/jobs/{id}/events")
    assert [each.type for each in again] == ["hello", "reset", "status", "end"]
    assert again[2].data["data"]["result"] == {"answer": 42}


async def test_silence_is_broken_by_heartbeats_with_the_clients_position(serve: Serve) -> None:
    api = await serve(heartbeat_seconds=0.1)
    id = await api.create()
    async with api.stream(f"/jobs/{id}/events") as events:
        status = await events.until("status")
        beats = [await events.until("heartbeat") for _ in range(2)]
    assert [(each.id, each.data) for each in beats] == [(status.id, {})] * 2


async def test_headers_keep_proxies_from_holding_it_back(api: Api) -> None:
    id, _ = await finished(api)
    answer = await api.get(f"/jobs/{id}/events")
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store, no-transform"
    assert answer.headers["x-accel-buffering"] == "no"
    assert "content-length" not in answer.headers


async def test_the_bytes_are_as_the_contract_draws_them(api: Api) -> None:
    id, _ = await finished(api)
    text = (await api.get(f"/jobs/{id}/events")).text
    assert "\r" not in text
    assert text.endswith("\n\n")
    first, *blocks = text.removesuffix("\n\n").split("\n\n")
    assert first.startswith("retry: ")
    for block in (first.partition("\n")[2], *blocks):
        assert [line.split(": ")[0] for line in block.split("\n")] == ["event", "data", "id"]


@pytest.mark.parametrize("accept", ["*/*", "text/event-stream", "text/html"])
async def test_sse_is_the_default(api: Api, accept: str) -> None:
    id, _ = await finished(api)
    answer = await api.get(f"/jobs/{id}/events", headers={"Accept": accept})
    assert answer.headers["content-type"].startswith("text/event-stream")


async def as_json(api: Api, path: str, **params: Any) -> dict[str, Any]:
    answer = await api.get(path, headers={"Accept": "application/json"}, params=params)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    return dict(answer.json())


async def test_as_json_it_comes_in_pages(api: Api) -> None:
    id, told = await finished(api)
    cursor, found = "0", []
    while page := await as_json(api, f"/jobs/{id}/events", after=cursor, limit=2):
        found += page["items"]
        assert page["reset"] is None
        if not page["items"]:
            assert page["next_cursor"] == cursor
            break
        cursor = page["next_cursor"]
    assert found == [each.data for each in stored(told)]


async def test_as_json_it_is_waited_for(api: Api) -> None:
    id = await api.create()
    cursor = (await as_json(api, f"/jobs/{id}/events"))["next_cursor"]
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(as_json(api, f"/jobs/{id}/events", after=cursor, wait=10))
        await api.post(f"/jobs/{id}/cancel")
    assert [each["status"] for each in waiting.result()["items"]] == ["cancelled"]


async def test_as_json_a_bad_cursor_resets(api: Api) -> None:
    id, told = await finished(api)
    page = await as_json(api, f"/jobs/{id}/events", after="nonsense")
    assert page["reset"] == "unknown"
    assert page["next_cursor"] == told[-1].id
    assert page["items"][0]["status"] == "done"


async def test_a_stream_that_is_left_leaves_nothing_behind(api: Api) -> None:
    id = await api.create()
    async with api.stream(f"/jobs/{id}/events") as events:
        await events.until("status")
        assert len(api.services.ticker) == 1
    await eventually(lambda: len(api.services.ticker) == 0)
    assert len(api.services.hub) == 0


async def test_a_drain_ends_streams_without_an_end(api: Api) -> None:
    id = await api.create()
    async with api.stream(f"/jobs/{id}/events") as events:
        await events.until("status")
        api.services.drain()
        assert await events.closed() == []
    ready = await api.get("//readyz")
    assert ready.status_code == 503
    assert ready.json()["draining"] is True


async def test_curl_follows_it(api: Api) -> None:
    id, told = await finished(api)
    process = await asyncio.create_subprocess_exec(
        "curl", "-sN", "--max-time", "10", f"{api.address}/api/v1/jobs/{id}/events",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    assert process.returncode == 0
    blocks = [parsed(block) for block in out.decode().strip().split("\n\n")]
    assert blocks[1:] == told[1:]


async def prune(conn: Connection, *, upto: int) -> None:
    """As retention does: the events go, and the horizon says up to where."""
    async with conn.transaction():
        xid = await conn.fetchval(
            "select max(xid::text::bigint)::text from jobstream.job_events where id <= $1", upto
        )
        await conn.execute("delete from jobstream.job_events where id <= $1", upto)
        await conn.execute(
            "update jobstream.event_horizon set max_xid = $1::text::xid8, max_id = $2", xid, upto
        )


def parsed(block: str) -> Told:
    fields = dict(line.split(": ", 1) for line in block.split("\n"))
    return Told(fields["event"], fields["id"], json.loads(fields["data"]))
