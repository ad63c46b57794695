"""Which due times become jobs, and when the next is."""

from datetime import UTC, datetime, timedelta

import pytest

from jobstream.domain.schedule import CatchUp, DueSchedule
from jobstream.maintenance.cron import MAX_RUNS, check_cron, plan

NOON = datetime(2026, 6, 1, 12, 0, 30, tzinfo=UTC)


def due(
    cron: str = "* * * * *",
    *,
    next_at: datetime | None,
    now: datetime = NOON,
    timezone: str = "UTC",
    catch_up: CatchUp = "last",
) -> DueSchedule:
    return DueSchedule(name="s", cron=cron, timezone=timezone, catch_up=catch_up, next_at=next_at, now=now)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_new_schedule_runs_first_at_its_next_due_time() -> None:
    planned = plan(due(next_at=None))
    assert planned.runs == () and planned.next_at == at("2026-06-01T12:01:00Z")


def test_a_due_time_runs_and_the_next_is_noted() -> None:
    planned = plan(due(next_at=at("2026-06-01T12:00:00Z")))
    assert planned.runs == (at("2026-06-01T12:00:00Z"),)
    assert planned.next_at == at("2026-06-01T12:01:00Z")


@pytest.mark.parametrize(
    ("catch_up", "runs"),
    [
        (
            "all",
            ["2026-06-01T11:57:00Z", "2026-06-01T11:58:00Z", "2026-06-01T11:59:00Z", "2026-06-01T12:00:00Z"],
        ),
        ("last", ["2026-06-01T12:00:00Z"]),
        ("skip", ["2026-06-01T12:00:00Z"]),
    ],
)
def test_what_was_missed_is_caught_up_with_as_asked(catch_up: CatchUp, runs: list[str]) -> None:
    planned = plan(due(next_at=at("2026-06-01T11:57:00Z"), catch_up=catch_up))
    assert planned.runs == tuple(map(at, runs))
    assert planned.next_at == at("2026-06-01T12:01:00Z")


def test_skip_makes_no_job_of_a_time_that_is_long_past() -> None:
    planned = plan(due("0 11 * * *", next_at=at("2026-06-01T11:00:00Z"), catch_up="skip"))
    assert planned.runs == () and planned.next_at == at("2026-06-02T11:00:00Z")


def test_catching_up_with_all_goes_on_where_a_round_ended() -> None:
    first = plan(due(next_at=NOON - timedelta(minutes=150), catch_up="all"))
    assert len(first.runs) == MAX_RUNS and first.next_at < NOON
    second = plan(due(next_at=first.next_at, catch_up="all"))
    assert len(first.runs) + len(second.runs) == 150
    assert not set(first.runs) & set(second.runs)


def test_an_hour_that_clocks_skip_runs_right_after_it() -> None:
    planned = plan(due("30 2 * * *", next_at=None, now=at("2026-03-28T12:00:00Z"), timezone="Europe/Rome"))
    assert planned.next_at == at("2026-03-29T01:00:00Z")


def test_an_hour_that_comes_twice_runs_once() -> None:
    first = plan(due("30 2 * * *", next_at=None, now=at("2026-10-24T12:00:00Z"), timezone="Europe/Rome"))
    second = plan(
        due("30 2 * * *", next_at=first.next_at, now=first.next_at, timezone="Europe/Rome", catch_up="all")
    )
    assert second.runs == (first.next_at,)
    assert second.next_at - first.next_at > timedelta(hours=23)


@pytest.mark.parametrize(
    ("cron", "timezone"), [("61 * * * *", "UTC"), ("0 0 30 2 *", "UTC"), ("* * * * *", "Mars/X")]
)
def test_what_never_comes_due_is_said_and_looked_at_again_later(cron: str, timezone: str) -> None:
    planned = plan(due(cron, next_at=NOON, timezone=timezone))
    assert planned.runs == () and planned.next_at > NOON
    assert planned.error is not None and cron in planned.error
    with pytest.raises(ValueError, match="is no"):
        check_cron(cron, timezone)
