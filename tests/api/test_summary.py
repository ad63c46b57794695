import asyncio

from tests.api.support import Api


async def test_it_counts_and_names_what_runs(api: Api) -> None:
    nothing = (await api.get("/summary")).json()
    assert nothing["is_running"] is False
    assert set(nothing["counts"].values()) == {0}
    id = await api.create("resize")
    await api.create(queue="other")
    lease = await api.claim()
    await api.verb(lease, "progress", current=1, total=2)
    found = (await api.get("/summary")).json()
    assert found["is_running"] is True
    assert (found["counts"]["running"], found["counts"]["pending"]) == (1, 1)
    [current] = found["current"]
    assert (current["id"], current["kind"], current["progress"]["percent"]) == (id, "resize", 50.0)
    assert (await api.get("/summary?queue=nowhere")).json()["is_running"] is False


async def test_as_a_stream_it_comes_at_once_and_when_it_changed(api: Api) -> None:
    async with api.stream("/summary", queue="default") as events:
        assert (await anext(events)).type == "hello"
        first = await anext(events)
        assert (first.type, first.data["is_running"]) == ("summary", False)
        await api.create(queue="other")
        id = await api.create()
        assert (await events.until("summary")).data["is_running"] is True
        await api.post(f"/jobs/{id}/cancel")
        assert (await events.until("summary")).data["is_running"] is False
        assert [each.data["counts"]["pending"] for each in events.seen if each.type == "summary"] == [0, 1, 0]


async def test_many_who_look_cost_no_more_than_one(api: Api) -> None:
    asked = 0
    ask = api.services.summaries._ask

    async def counted(question):  # type: ignore[no-untyped-def]
        nonlocal asked
        asked += 1
        return await ask(question)

    api.services.summaries._ask = counted

    async def look() -> None:
        async with api.stream("/summary") as events:
            await events.until("summary", is_running=True)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(20):
            tasks.create_task(look())
        await api.create()
    assert asked <= 4
