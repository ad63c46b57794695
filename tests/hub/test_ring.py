from jobstream.hub import Bounds, Hub, Ring
from tests.hub.builders import DIMENSIONS, message


def hub_with(bounds: Bounds) -> Hub[int]:
    hub: Hub[int] = Hub(dimensions=DIMENSIONS, ring=Ring(bounds))
    hub.resume(0)
    return hub


def batch(hub: Hub[int], *numbers: int, size: int = 10) -> None:
    hub.begin(numbers[-1])
    hub.publish([message(number, size=size) for number in numbers], numbers[-1])
    hub.finish(numbers[-1])


def held(hub: Hub[int]) -> list[int]:
    return [each.number for each in hub.ring.since(0)]


def test_it_holds_what_was_passed_on_without_anybody_there() -> None:
    hub = hub_with(Bounds(messages=10))
    batch(hub, 1, 2)
    batch(hub, 3)
    assert held(hub) == [1, 2, 3]
    assert hub.ring.ends() == [2, 3]
    assert [each.number for each in hub.ring.since(1)] == [3]
    assert hub.ring.floor == 0


def test_beyond_its_number_the_oldest_batches_go_whole() -> None:
    hub = hub_with(Bounds(messages=4))
    batch(hub, 1, 2, 3)
    batch(hub, 4)
    batch(hub, 5)
    assert held(hub) == [4, 5]
    assert hub.ring.floor == 3
    assert hub.ring.messages == 2


def test_beyond_its_bytes_too() -> None:
    hub = hub_with(Bounds(bytes=25))
    batch(hub, 1)
    batch(hub, 2)
    batch(hub, 3)
    assert held(hub) == [2, 3]
    assert hub.ring.floor == 1
    assert hub.ring.bytes == 20


def test_a_batch_that_is_too_big_leaves_it_empty_and_the_next_begins_it_anew() -> None:
    hub = hub_with(Bounds(messages=3))
    batch(hub, 1)
    hub.begin(6)
    hub.publish([message(2), message(3)], 3)
    hub.publish([message(4), message(5), message(6)], 6)
    hub.finish(6)
    assert held(hub) == []
    assert hub.ring.floor == 6
    assert hub.ring.bytes == 0
    batch(hub, 7)
    assert held(hub) == [7]


def test_what_brought_nothing_takes_no_room() -> None:
    hub = hub_with(Bounds(messages=3))
    for position in range(1, 100):
        hub.begin(position)
        hub.publish([], position)
        hub.finish(position)
    assert hub.ring.ends() == []
    assert hub.ring.floor == 0


def test_after_a_new_start_nothing_of_before_is_held() -> None:
    hub = hub_with(Bounds(messages=3))
    batch(hub, 1)
    hub.begin(3)
    hub.publish([message(2)], 2)
    hub.resume(50)
    assert held(hub) == []
    assert hub.ring.floor == 50
    batch(hub, 51)
    assert held(hub) == [51]


def test_while_nobody_is_there_nothing_is_held() -> None:
    hub = hub_with(Bounds(messages=3))
    batch(hub, 1)
    hub.forget()
    assert held(hub) == []
    assert hub.ring.floor is None
