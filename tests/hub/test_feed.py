import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from jobstream.errors import DatabaseUnavailable
from jobstream.hub import Feed, Hub, Subscription
from jobstream.hub.feed import Pace
from jobstream.hub.message import EVERYTHING
from tests.hub.builders import DIMENSIONS, Numbers
from tests.support import eventually

QUICK = Pace(hot=0.005, hot_for=0.05, slow=0.02, least=0.001, linger=0.05)
DEAF = Pace(hot=0.005, hot_for=0.0, slow=3600, least=0.001, linger=3600)


@asynccontextmanager
async def running(source: Numbers, pace: Pace = QUICK) -> AsyncIterator[Feed[int]]:
    feed: Feed[int] = Feed(hub=Hub(dimensions=DIMENSIONS), source=source, pace=pace)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(feed.run())
        yield feed
        task.cancel()


async def joined(feed: Feed[int]) -> Subscription[int]:
    subscription = await feed.join(EVERYTHING)
    assert subscription is not None
    return subscription


async def received(subscription: Subscription[int], count: int) -> list[int]:
    got: list[int] = []
    async with asyncio.timeout(30):
        while len(got) < count:
            await subscription.wait()
            got += [each.number for each in subscription.take()]
    return got


async def test_a_ring_brings_what_was_written() -> None:
    source = Numbers()
    async with running(source, DEAF) as feed:
        subscription = await joined(feed)
        source.written = 3
        feed.ring()
        assert await received(subscription, 3) == [1, 2, 3]


async def test_without_a_ring_the_slow_poll_brings_it() -> None:
    source = Numbers()
    async with running(source) as feed:
        subscription = await joined(feed)
        source.written = 2
        assert await received(subscription, 2) == [1, 2]


async def test_while_messages_flow_it_polls_without_being_rung() -> None:
    source = Numbers()
    async with running(source, Pace(hot=0.005, hot_for=60, slow=3600, least=0.001, linger=3600)) as feed:
        subscription = await joined(feed)
        source.written = 1
        feed.ring()
        await received(subscription, 1)
        source.written = 2
        assert await received(subscription, 1) == [2]


async def test_a_big_batch_comes_in_parts_without_further_rings() -> None:
    source = Numbers()
    source.page = 10
    async with running(source, DEAF) as feed:
        subscription = await joined(feed)
        source.written = 95
        feed.ring()
        assert await received(subscription, 95) == list(range(1, 96))


async def test_who_joins_during_a_big_batch_begins_at_its_end() -> None:
    source = Numbers()
    source.page = 1
    async with running(source, DEAF) as feed:
        first = await joined(feed)
        source.written = 30
        feed.ring()
        await first.wait()
        late = await joined(feed)
        assert late.start == 30
        source.written = 31
        feed.ring()
        assert await received(late, 1) == [31]


async def test_an_outage_delays_and_loses_nothing(caplog: pytest.LogCaptureFixture) -> None:
    source = Numbers()
    async with running(source) as feed:
        subscription = await joined(feed)
        source.failures = [DatabaseUnavailable("away"), DatabaseUnavailable("away")]
        source.written = 4
        feed.ring()
        assert await received(subscription, 4) == [1, 2, 3, 4]
    assert "away" in caplog.text


async def test_a_position_that_cannot_be_continued_makes_everybody_read_for_themselves() -> None:
    source = Numbers()
    async with running(source) as feed:
        subscription = await joined(feed)
        source.written, source.lost_before = 50, 40
        await subscription.wait()
        assert subscription.lost
        assert (await joined(feed)).start == 50


async def test_a_client_that_is_ahead_is_joined_after_one_more_step() -> None:
    source = Numbers()
    async with running(source, DEAF) as feed:
        await joined(feed)
        source.written = 5
        subscription = await feed.join(EVERYTHING, reaches=lambda position: position >= 5)
        assert subscription is not None
        assert subscription.start == 5


async def test_a_client_that_has_seen_what_is_not_there_is_refused() -> None:
    source = Numbers()
    async with running(source, DEAF) as feed:
        assert await feed.join(EVERYTHING, reaches=lambda position: position >= 5) is None
        assert len(feed.hub) == 0


async def test_nobody_listening_means_nothing_is_read() -> None:
    source = Numbers()
    async with running(source) as feed:
        subscription = await joined(feed)
        feed.hub.unsubscribe(subscription)
        await eventually(lambda: feed.hub.position is None)
        steps = source.steps
        source.written = 10
        feed.ring()
        await asyncio.sleep(0)
        assert source.steps == steps


async def test_after_a_rest_it_starts_at_what_is_there_now() -> None:
    source = Numbers()
    async with running(source) as feed:
        feed.hub.unsubscribe(await joined(feed))
        await eventually(lambda: feed.hub.position is None)
        source.written = 10
        subscription = await joined(feed)
        assert subscription.start == 10
        source.written = 11
        assert await received(subscription, 1) == [11]


async def test_while_the_bell_is_muted_it_goes_on_polling_quickly() -> None:
    source = Numbers()
    pace = Pace(hot=0.001, hot_for=0.01, slow=0.2, least=0.0, linger=3600)
    async with running(source, pace) as feed:
        subscription = await joined(feed)
        source.is_muted = True
        source.written = 1
        assert await received(subscription, 1) == [1]
        await eventually(lambda: source.steps > 100)
        source.is_muted = False
        await eventually(lambda: not feed.is_hot)
        steps = source.steps
        source.written = 2
        assert await received(subscription, 1) == [2]
        assert source.steps <= steps + 2


async def test_a_big_batch_to_many_comes_to_each_of_them_whole_and_in_order() -> None:
    source = Numbers()
    source.page = 500
    async with running(source, DEAF) as feed:
        subscriptions = [await joined(feed) for _ in range(50)]
        source.written = 1_200
        feed.ring()
        got = await asyncio.gather(*(received(subscription, 1_200) for subscription in subscriptions))
        assert got == [list(range(1, 1_201))] * 50


async def test_other_work_goes_on_while_a_big_batch_is_handed_on() -> None:
    source = Numbers()
    source.page = 500
    turns = 0

    async def other_work() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with running(source, DEAF) as feed, asyncio.TaskGroup() as tasks:
        subscriptions = [await joined(feed) for _ in range(200)]
        working = tasks.create_task(other_work())
        source.written = 500
        before = turns
        feed.ring()
        assert await received(subscriptions[-1], 500) == list(range(1, 501))
        # 100,000 offers, some 4,000 between two turns
        assert turns - before > 20
        working.cancel()
