import pytest

from jobstream.domain.job import TERMINAL, Status
from jobstream.domain.transitions import FIRST, ONLY_BY_CLAIM, TRANSITIONS, diagram, may_become

# Contract §1, row by row.
CONTRACT = {
    "waiting": "pending cancelled dlq",
    "pending": "running waiting cancelled dlq",
    "running": "done failed dlq cancelled pending waiting",
    "failed": "pending cancelled dlq",
    "done": "pending waiting",
    "dlq": "pending waiting",
    "cancelled": "pending waiting",
}


@pytest.mark.parametrize("before", Status)
@pytest.mark.parametrize("after", Status)
def test_the_table_is_the_contract(before: Status, after: Status) -> None:
    assert may_become(before, after) == (after in CONTRACT[before].split())


def test_every_status_has_its_row() -> None:
    assert set(TRANSITIONS) == set(Status)


def test_a_job_begins_waiting_pending_or_cancelled() -> None:
    assert FIRST == {"waiting", "pending", "cancelled"}


def test_running_is_entered_only_from_pending_by_claim() -> None:
    assert {(a, b) for a in Status for b in TRANSITIONS[a] if b is Status.RUNNING} == ONLY_BY_CLAIM


def test_only_terminal_statuses_say_so() -> None:
    assert {status for status in Status if status.terminal} == TERMINAL == {"done", "dlq", "cancelled"}


def test_the_diagram_has_an_arrow_for_each_change() -> None:
    arrows = [line for line in diagram().splitlines() if "-->" in line]
    assert len(arrows) == sum(map(len, TRANSITIONS.values())) + len(FIRST)
    assert "    pending --> running" in arrows
