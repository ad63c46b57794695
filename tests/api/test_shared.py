import asyncio

import pytest

from jobstream.api.shared import Shared


class Asked:
    """Answers with how often it was asked."""

    def __init__(self) -> None:
        self.count = 0
        self.failure: Exception | None = None

    async def __call__(self, key: str) -> int:
        self.count += 1
        number = self.count
        await asyncio.sleep(0)
        if self.failure:
            raise self.failure
        return number


async def test_who_asks_together_shares_one_answer() -> None:
    asked = Asked()
    shared: Shared[str, int] = Shared(asked, every=0.01)
    assert await asyncio.gather(*(shared.get("a") for _ in range(10))) == [1] * 10
    assert asked.count == 1


async def test_an_answer_is_to_a_question_put_after_one_came() -> None:
    shared: Shared[str, int] = Shared(Asked(), every=0.0)
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(shared.get("a"))
        for _ in range(2):
            await asyncio.sleep(0)
        second = tasks.create_task(shared.get("a"))
    assert (first.result(), second.result()) == (1, 2)


async def test_keys_do_not_wait_for_each_other() -> None:
    shared: Shared[str, int] = Shared(Asked(), every=3600)
    assert await shared.get("a") == 1
    assert await shared.get("b") == 2


async def test_a_failure_reaches_everybody_and_is_not_kept() -> None:
    asked = Asked()
    asked.failure = ValueError("no")
    shared: Shared[str, int] = Shared(asked, every=0.0)
    assert [
        type(each)
        for each in await asyncio.gather(*(shared.get("a") for _ in range(3)), return_exceptions=True)
    ] == [ValueError] * 3
    asked.failure = None
    assert await shared.get("a") == 2


async def test_where_the_first_goes_the_next_in_line_asks() -> None:
    shared: Shared[str, int] = Shared(Asked(), every=0.05)
    await shared.get("a")
    first = asyncio.ensure_future(shared.get("a"))
    await asyncio.sleep(0)
    second = asyncio.ensure_future(shared.get("a"))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == 2
    with pytest.raises(asyncio.CancelledError):
        await first
