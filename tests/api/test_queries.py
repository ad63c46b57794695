from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobstream.api.problems import Rejected
from jobstream.api.queries import read_labels, read_moment, read_number, read_seconds, read_statuses


@pytest.mark.parametrize(
    ("text", "number"),
    [(None, 50), ("7", 7), ("0", 1), ("-3", 1), ("201", 200), ("9" * 400, 200), ("-" + "9" * 400, 1)],
)
def test_a_limit_is_clamped(text: str | None, number: int) -> None:
    assert read_number("limit", text, 50, 1, 200) == number


@pytest.mark.parametrize("text", ["", "x", "1.5", "--1", "1e3", "٣"])
def test_a_limit_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(Rejected, match="limit"):
        read_number("limit", text, 50, 1, 200)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-05-01T10:00:00Z", datetime(2024, 5, 1, 10, tzinfo=UTC)),
        ("2024-05-01T12:00:00+02:00", datetime(2024, 5, 1, 10, tzinfo=UTC)),
        ("2024-05-01T12:00:00 02:00", datetime(2024, 5, 1, 10, tzinfo=UTC)),
        ("0", datetime(1970, 1, 1, tzinfo=UTC)),
        ("1714557600123", datetime(2024, 5, 1, 10, 0, 0, 123_000, tzinfo=UTC)),
        ("9999999999999999", datetime(9999, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59-14:00", datetime(9999, 1, 1, tzinfo=UTC)),
        ("0001-01-01T00:00:00+10:00", datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_moment_is_a_date_or_milliseconds(text: str, moment: datetime) -> None:
    assert read_moment("since", text) == moment


@given(text=st.text())
def test_any_other_text_is_no_moment(text: str) -> None:
    try:
        moment = read_moment("since", text)
    except Rejected:
        return
    assert moment is not None
    assert moment.tzinfo is not None


@pytest.mark.parametrize("text", ["2024-05-01T10:00:00", "yesterday", "", "-1"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(Rejected, match="since"):
        read_moment("since", text)


def test_the_first_colon_splits_a_label() -> None:
    assert read_labels(["a:b:c", "x:"]) == (("a", "b:c"), ("x", ""))


def test_a_label_without_a_colon_is_refused() -> None:
    with pytest.raises(Rejected, match="label"):
        read_labels(["a"])


def test_a_status_that_there_is_not_is_refused() -> None:
    with pytest.raises(Rejected, match="status"):
        read_statuses(["done", "DONE"])


@pytest.mark.parametrize(
    ("text", "prefer", "seconds"),
    [
        (None, None, 0),
        ("5", None, 5),
        ("0.5", "wait=9", 0.5),
        (None, "wait=9", 9),
        ("1e9", None, 60),
        ("inf", None, 60),
    ],
)
def test_waiting_is_bounded(text: str | None, prefer: str | None, seconds: float) -> None:
    assert read_seconds("wait", text, prefer, most=60) == seconds


@pytest.mark.parametrize("text", ["", "x", "-1", "nan"])
def test_waiting_for_nonsense_is_refused(text: str) -> None:
    with pytest.raises(Rejected, match="wait"):
        read_seconds("wait", text, None, most=60)
