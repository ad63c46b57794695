"""The trace that a request belongs to stays with the jobs that it makes."""

from typing import Any

from jobstream.client.http import open_http
from jobstream.domain.job import NewJob
from tests.api.support import Api, pointers, problem
from tests.support import Connection

OURS = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OTHER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
KEPT = "select traceparent from jobstream.jobs order by id"


async def kept(conn: Connection) -> list[str | None]:
    return [row["traceparent"] for row in await conn.fetch(KEPT)]


async def test_header_is_kept_with_a_job_and_takes_no_part_in_its_key(api: Api, conn: Connection) -> None:
    for number, header in enumerate((OURS, OTHER, "nonsense")):
        headers = {"Idempotency-Key": "one", "traceparent": header}
        answer = await api.post("/jobs", {"spec": {"kind": "k"}}, headers=headers)
        assert answer.status_code == (200 if number else 202)
    headers = {"Idempotency-Key": "two", "traceparent": "nonsense"}
    assert (await api.post("/jobs", {"spec": {"kind": "k"}}, headers=headers)).status_code == 202
    assert await kept(conn) == [OURS, None]


async def test_items_of_a_batch_and_steps_say_their_own_or_take_the_headers(
    api: Api, conn: Connection
) -> None:
    items: list[dict[str, Any]] = [{"spec": {"kind": "k"}}, {"spec": {"kind": "k"}, "traceparent": OTHER}]
    await api.post("/jobs/batch", {"items": items}, headers={"traceparent": OURS})
    steps = [{"key": "a", **items[0]}, {"key": "b", **items[1]}]
    headers = {"Idempotency-Key": "p", "traceparent": OURS}
    made = await api.post("/pipelines", {"name": "p", "steps": steps}, headers=headers)
    assert made.status_code == 202, made.text
    assert await kept(conn) == [OURS, OTHER] * 2
    refused = await api.post("/jobs/batch", {"items": [{**items[0], "traceparent": "x"}]})
    assert problem(refused) == (400, "invalid")
    assert pointers(refused) == ["/items/0/traceparent"]


async def test_client_over_http_passes_on_what_each_job_says(api: Api, conn: Connection) -> None:
    async with open_http(api.address, token=None, size=2) as transport:
        await transport.enqueue_many([NewJob(kind="k", traceparent=OURS), NewJob(kind="k")])
    assert await kept(conn) == [OURS, None]
