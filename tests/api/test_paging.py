"""Pages of a list while jobs arrive by the hundreds a second, out of order of their ids too."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.api.support import Api
from tests.support import Connect, eventually

THERE = 1_500
ENQUEUE = """
select count(*) from jobstream.enqueue_many((
    select jsonb_agg(jsonb_build_object('kind', $2::text, 'labels', jsonb_build_object('tenant', 'a')))
    from generate_series(1, $1::int)
))
"""


@asynccontextmanager
async def arriving(connect: Connect) -> AsyncIterator[list[int]]:
    """Writers that enqueue ten at a time; half of them commit late, when others have taken later ids."""
    made = [0]
    stop = asyncio.Event()
    connections = [await connect() for _ in range(4)]

    async def write(number: int) -> None:
        connection = connections[number]
        while not stop.is_set():
            async with connection.transaction():
                await connection.fetchval(ENQUEUE, 10, "new")
                await asyncio.sleep(0.05 if number % 2 else 0)
            made[0] += 10
            await asyncio.sleep(0.01)

    async with asyncio.TaskGroup() as writers:
        for number in range(4):
            writers.create_task(write(number))
        try:
            yield made
        finally:
            stop.set()


async def walk(api: Api, query: str, limit: int) -> list[str]:
    """The ids of all pages, as they came."""
    seen: list[str] = []
    path = f"//api/v1/jobs?limit={limit}{query}"
    while True:
        answer = await api.get(path)
        assert answer.status_code == 200, answer.text
        seen += [each["id"] for each in answer.json()["items"]]
        if answer.json()["next_cursor"] is None:
            return seen
        path = "/" + answer.links["next"]["url"]


@pytest.mark.parametrize(
    ("query", "limit"),
    [("", 50), ("&kind=old&kind=new", 23), ("&label=tenant:a", 200), ("&status=pending", 31), ("&q=o", 50)],
)
async def test_pages_neither_skip_nor_repeat_while_jobs_arrive(
    api: Api, connect: Connect, query: str, limit: int
) -> None:
    there = await (await connect()).fetchval(ENQUEUE, THERE, "old")
    assert there == THERE
    old = set(await walk(api, "&kind=old", 200))
    assert len(old) == THERE
    async with arriving(connect) as made:
        await eventually(lambda: made[0] >= 100)
        before = made[0]
        seen = await walk(api, query, limit)
        arrived = made[0] - before
    assert len(seen) == len(set(seen))
    assert seen == sorted(seen, reverse=True)
    assert old <= set(seen)
    assert arrived > 0
