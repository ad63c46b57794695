import asyncio

import pytest

from jobstream.hub import Bounds, Hub
from jobstream.hub.message import EVERYTHING
from tests.hub.builders import DIMENSIONS, hub_at, message, publish
from tests.support import eventually


async def test_waiting_ends_when_something_comes() -> None:
    hub = hub_at()
    subscription = hub.subscribe(EVERYTHING)
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(subscription.wait())
        await asyncio.sleep(0)
        assert not waiting.done()
        publish(hub, message(1))
    assert [each.number for each in subscription.take()] == [1]


async def test_what_came_before_waiting_is_not_waited_for() -> None:
    hub = hub_at()
    subscription = hub.subscribe(EVERYTHING)
    publish(hub, message(1))
    await subscription.wait()
    assert not subscription.empty


async def test_one_is_woken_once() -> None:
    subscription = hub_at().subscribe(EVERYTHING)
    subscription.wake()
    await subscription.wait()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await subscription.wait()


@pytest.mark.parametrize("bounds", [Bounds(messages=3), Bounds(bytes=35)])
async def test_too_much_drops_the_queue_and_says_so(bounds: Bounds) -> None:
    hub: Hub[int] = Hub(dimensions=DIMENSIONS, bounds=bounds)
    hub.resume(0)
    slow = hub.subscribe(EVERYTHING)
    publish(hub, *(message(number, size=10) for number in range(1, 4)))
    assert len(slow.take()) == 3
    publish(hub, *(message(number, size=10) for number in range(4, 8)))
    await slow.wait()
    assert slow.lost
    assert slow.take() == []


async def test_one_that_overflowed_does_not_touch_the_others() -> None:
    hub: Hub[int] = Hub(dimensions=DIMENSIONS, bounds=Bounds(messages=2))
    hub.resume(0)
    slow, quick = hub.subscribe(EVERYTHING), hub.subscribe(EVERYTHING)
    got = []
    for number in range(1, 6):
        publish(hub, message(number))
        got += [each.number for each in quick.take()]
    assert got == [1, 2, 3, 4, 5]
    assert slow.lost
    assert hub.delivered == 5 + 2


async def test_what_was_lost_stays_lost() -> None:
    hub = hub_at()
    subscription = hub.subscribe(EVERYTHING)
    subscription.lose()
    publish(hub, message(1))
    await subscription.wait()
    await subscription.wait()
    assert subscription.lost
    assert subscription.take() == []


async def test_a_drain_asks_everybody_to_go_within_the_window() -> None:
    hub = hub_at()
    subscriptions = [hub.subscribe(EVERYTHING) for _ in range(20)]
    hub.drain(0.1)
    assert hub.draining
    await eventually(lambda: all(each.closing for each in subscriptions))


async def test_a_drain_does_not_ask_all_of_them_at_once() -> None:
    hub = hub_at()
    subscriptions = [hub.subscribe(EVERYTHING) for _ in range(50)]
    hub.drain(60)
    await eventually(lambda: any(each.closing for each in subscriptions))
    assert not all(each.closing for each in subscriptions)


async def test_who_joins_during_a_drain_is_asked_too() -> None:
    hub = hub_at()
    hub.drain(0.0)
    late = hub.subscribe(EVERYTHING)
    await late.wait()
    assert late.closing
