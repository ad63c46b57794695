from hypothesis import given
from hypothesis import strategies as st

from jobstream.hub import Hub, Interest, Message, Subscription
from jobstream.hub.message import EVERYTHING
from tests.hub.builders import DIMENSIONS, hub_at, message, publish


def interest(**wanted: str | set[str]) -> Interest:
    return Interest(
        {name: frozenset((values,) if isinstance(values, str) else values) for name, values in wanted.items()}
    )


def numbers(subscription: Subscription[int]) -> list[int]:
    return [each.number for each in subscription.take()]


def test_everybody_gets_everything_in_order() -> None:
    hub = hub_at()
    one, two = hub.subscribe(EVERYTHING), hub.subscribe(EVERYTHING)
    publish(hub, message(1, queue="a"), message(2, queue="b"))
    publish(hub, message(3, queue="a"))
    assert numbers(one) == numbers(two) == [1, 2, 3]


def test_subscribers_share_the_very_same_bytes() -> None:
    hub = hub_at()
    one, two = hub.subscribe(EVERYTHING), hub.subscribe(interest(queue="a"))
    publish(hub, message(1, queue="a"))
    assert one.take()[0] is two.take()[0]


def test_values_of_a_dimension_mean_or_and_dimensions_mean_and() -> None:
    hub = hub_at()
    subscription = hub.subscribe(interest(queue={"a", "b"}, status="done"))
    publish(
        hub,
        message(1, queue="a", status="done"),
        message(2, queue="b", status="done"),
        message(3, queue="a", status="failed"),
        message(4, queue="c", status="done"),
    )
    assert numbers(subscription) == [1, 2]


def test_a_message_with_two_wanted_labels_comes_once() -> None:
    hub = hub_at()
    subscription = hub.subscribe(interest(label={"x", "y"}))
    publish(hub, message(1, label=("x", "y")), message(2, label=("y",)))
    assert numbers(subscription) == [1, 2]


def test_a_dimension_that_a_message_lacks_is_not_matched() -> None:
    hub = hub_at()
    subscription = hub.subscribe(interest(queue="a", label="x"))
    publish(hub, message(1, queue="a"))
    assert numbers(subscription) == []


def test_who_has_left_gets_nothing_and_leaves_no_trace() -> None:
    hub = hub_at()
    subscription = hub.subscribe(interest(queue={"a", "b"}))
    hub.unsubscribe(subscription)
    hub.unsubscribe(subscription)
    publish(hub, message(1, queue="a"))
    assert numbers(subscription) == []
    assert len(hub) == 0
    assert not hub._index
    assert not hub._counts


def test_who_joins_begins_at_the_hubs_position() -> None:
    hub = hub_at(7)
    assert hub.subscribe(EVERYTHING).start == 7


def test_who_joins_in_the_middle_of_a_batch_begins_at_its_end() -> None:
    hub = hub_at()
    hub.begin(4)
    hub.publish([message(1), message(2)], 2)
    late = hub.subscribe(EVERYTHING)
    assert late.start == 4
    assert hub.position_of(late) == 4
    hub.publish([message(3), message(4)], 4)
    hub.finish(4)
    publish(hub, message(5))
    assert numbers(late) == [5]


def test_who_leaves_in_the_middle_of_a_batch_does_not_come_back_at_its_end() -> None:
    hub = hub_at()
    hub.begin(2)
    late = hub.subscribe(EVERYTHING)
    hub.unsubscribe(late)
    hub.finish(2)
    publish(hub, message(3))
    assert numbers(late) == []


def test_the_position_of_a_subscriber_is_the_hubs_also_within_a_batch() -> None:
    hub = hub_at()
    subscription = hub.subscribe(EVERYTHING)
    hub.begin(4)
    hub.publish([message(1), message(2)], 2)
    assert hub.position_of(subscription) == 2


def test_a_new_start_makes_everybody_read_for_themselves() -> None:
    hub = hub_at()
    subscription = hub.subscribe(EVERYTHING)
    publish(hub, message(1))
    hub.resume(100)
    assert subscription.lost
    assert numbers(subscription) == []
    assert hub.subscribe(EVERYTHING).start == 100


@given(
    wanted=st.dictionaries(
        st.sampled_from(DIMENSIONS), st.frozensets(st.sampled_from("abc"), min_size=1), max_size=3
    ),
    messages=st.lists(
        st.dictionaries(
            st.sampled_from(DIMENSIONS), st.lists(st.sampled_from("abc"), max_size=2, unique=True)
        ),
        max_size=8,
    ),
)
def test_the_index_finds_what_a_look_at_every_message_finds(
    wanted: dict[str, frozenset[str]], messages: list[dict[str, list[str]]]
) -> None:
    hub: Hub[int] = hub_at()
    subscription = hub.subscribe(Interest(wanted))
    sent: list[Message] = [
        Message(number, number, "", {name: tuple(values) for name, values in facets.items()}, b"", b"")
        for number, facets in enumerate(messages, 1)
    ]
    hub.publish(sent, len(sent))
    assert numbers(subscription) == [each.number for each in sent if Interest(wanted).admits(each.facets)]
