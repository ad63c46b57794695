"""How much is claimed, and from where."""

from typing import Any

import pytest

from jobstream.domain.job import ClaimedJob
from jobstream.worker.sizing import (
    MAX_CLAIM,
    MAX_UNREPORTED,
    Claim,
    Load,
    Positions,
    QueueShare,
    Rate,
    Turns,
    plan_claims,
    plan_turns,
    room_for,
)


def job(id: str, *, priority: int = 0, queue: str = "a") -> ClaimedJob:
    values: dict[str, Any] = dict.fromkeys(ClaimedJob.__struct_fields__)
    return ClaimedJob(**(values | {"id": id, "priority": priority, "queue": queue}))


def test_an_idle_worker_claims_for_every_slot() -> None:
    assert room_for(10, Load(running=0, waiting=0)) == 10


def test_a_full_worker_of_slow_jobs_claims_nothing() -> None:
    assert room_for(10, Load(running=10, waiting=0, rate=1.0)) == 0


def test_a_free_slot_is_filled_at_once() -> None:
    assert room_for(10, Load(running=9, waiting=0)) == 1


def test_a_fast_worker_claims_ahead_what_it_starts_within_a_tenth_of_a_second() -> None:
    assert room_for(10, Load(running=10, waiting=0, rate=2_000)) == 200


def test_ahead_is_claimed_only_once_half_of_it_is_used() -> None:
    assert room_for(10, Load(running=10, waiting=101, rate=2_000)) == 0
    assert room_for(10, Load(running=10, waiting=100, rate=2_000)) == 100


def test_more_abandoned_threads_than_slots_leave_no_room() -> None:
    assert room_for(2, Load(running=3, waiting=0)) == 0


def test_a_claim_is_bounded() -> None:
    assert room_for(5_000, Load(running=0, waiting=0, rate=1e6)) == MAX_CLAIM


def test_nothing_is_claimed_while_too_much_is_unreported() -> None:
    assert room_for(10, Load(running=0, waiting=0, unreported=MAX_UNREPORTED)) == 0


def test_queues_without_bounds_share_a_claim_in_their_order() -> None:
    queues = [QueueShare("a"), QueueShare("b")]
    assert plan_claims(queues, {}, 5) == [Claim(("a", "b"), 5)]


def test_a_bounded_queue_is_claimed_by_itself_up_to_its_bound() -> None:
    queues = [QueueShare("a"), QueueShare("b", 3), QueueShare("c")]
    assert plan_claims(queues, {"b": 1}, 5) == [Claim(("a",), 5), Claim(("b",), 2), Claim(("c",), 5)]


def test_a_bounded_queue_at_its_bound_is_left_out() -> None:
    assert plan_claims([QueueShare("b", 3)], {"b": 3}, 5) == []


def test_without_room_nothing_is_claimed() -> None:
    assert plan_claims([QueueShare("a"), QueueShare("b", 3)], {}, 0) == []


def test_the_first_scan_is_full_and_the_next_begins_behind_the_last_job() -> None:
    positions = Positions(every=0.5)
    assert positions.after(0.0) is None
    positions.claimed([job("A", priority=1), job("C"), job("B", queue="b")], full=True, took=0.0, now=0.0)
    assert positions.after(0.1) == {"a": (1, "A"), "b": (0, "B")}


def test_now_and_then_a_scan_is_full() -> None:
    positions = Positions(every=0.5)
    positions.claimed([job("A")], full=True, took=0.0, now=0.0)
    assert positions.after(0.49) is not None
    assert positions.after(0.5) is None


def test_slow_full_scans_are_rare() -> None:
    positions = Positions(every=0.5)
    positions.claimed([job("A")], full=True, took=0.1, now=0.0)
    assert positions.after(4.9) is not None
    assert positions.after(5.0) is None


def test_full_scans_are_no_rarer_for_what_every_claim_takes() -> None:
    positions = Positions(every=0.5)
    positions.claimed([job("A")], full=True, took=0.1, now=0.0)
    positions.claimed([job("B")], full=False, took=0.1, now=1.0)
    positions.claimed([job("C")], full=True, took=0.1, now=5.0)
    assert positions.after(5.5) is None


def test_a_full_scan_that_found_something_earlier_moves_back() -> None:
    positions = Positions(every=0.5)
    positions.claimed([job("B")], full=True, took=0.0, now=0.0)
    positions.claimed([job("A")], full=True, took=0.0, now=1.0)
    assert positions.after(1.1) == {"a": (0, "A")}


def test_the_rate_follows_what_ends() -> None:
    rate = Rate(over=0.25)
    assert rate.at(0.0) == 0
    for step in range(1, 21):
        rate.ended(10)
        value = rate.at(step * 0.05)
    assert value == pytest.approx(200, rel=0.05)
    assert rate.at(2.0) == pytest.approx(0, abs=1)


WEIGHED = [QueueShare("a", weight=3), QueueShare("b", weight=1)]


def test_turns_keep_to_the_weights_over_rounds_of_any_size() -> None:
    turns = Turns(WEIGHED)
    singly = "".join(next(iter(turns.take(1, {"a", "b"}))) for _ in range(8))
    assert singly == "aabaaaba"
    assert turns.take(400, {"a", "b"}) == {"a": 300, "b": 100}


def test_turns_are_taken_only_where_a_queue_has_a_weight() -> None:
    assert Turns(WEIGHED).are_taken
    assert not Turns([QueueShare("a"), QueueShare("b", 3)]).are_taken


def test_a_queue_that_is_left_out_leaves_its_turns_to_the_others() -> None:
    turns = Turns([*WEIGHED, QueueShare("c", weight=1)])
    assert turns.take(40, {"a", "c"}) == {"a": 30, "c": 10}
    assert turns.take(5, set()) == {}


def test_a_queue_with_too_few_jobs_leaves_its_turns_to_those_without_a_bound() -> None:
    claims = plan_turns(WEIGHED, {}, 8, Turns(WEIGHED), ())
    assert sorted(claims, key=lambda claim: claim.queues) == [Claim(("a", "b"), 6), Claim(("b", "a"), 2)]


def test_a_bounded_queue_takes_no_more_than_its_bound_and_none_where_it_is_dry() -> None:
    queues = [QueueShare("a", weight=1), QueueShare("b", 2, weight=9)]
    [first, second] = plan_turns(queues, {"b": 1}, 10, Turns(queues), ())
    assert {first, second} == {Claim(("b",), 1), Claim(("a",), 1)}
    assert plan_turns(queues, {"b": 2}, 10, Turns(queues), ()) == [Claim(("a",), 10)]
    assert plan_turns(queues, {}, 10, Turns(queues), ["b"]) == [Claim(("a",), 10)]
