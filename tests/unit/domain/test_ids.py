from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ulid import ULID

from jobstream.domain.ids import is_ulid, ulid_floor, ulid_time

MOMENTS = st.datetimes(datetime(1970, 1, 2), datetime(2500, 1, 1), timezones=st.just(UTC))


@pytest.mark.parametrize("text", ["01ARZ3NDEKTSV4RRFFQ69G5FAV", "0" * 26, "7" + "Z" * 25])
def test_ulids_in_upper_case_are_ids(text: str) -> None:
    assert is_ulid(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "01arz3ndektsv4rrffq69g5fav",
        "8" + "Z" * 25,
        "01ARZ3NDEKTSV4RRFFQ69G5FA",
        "01ARZ3NDEKTSV4RRFFQ69G5FAVV",
        "01ARZ3NDEKTSV4RRFFQ69G5FAI",
        "01ARZ3NDEKTSV4RRFFQ69G5FA\n",
        "01ARZ3NDEKTSV4RRFFQ69G5FAV\n",
        "٠" * 26,
    ],
)
def test_anything_else_is_no_id(text: str) -> None:
    assert not is_ulid(text)


@given(MOMENTS)
def test_the_floor_is_below_every_id_of_its_millisecond_and_above_those_before(at: datetime) -> None:
    floor = ulid_floor(at)
    assert is_ulid(floor)
    assert floor <= str(ULID.from_datetime(at))
    assert str(ULID.from_datetime(at - timedelta(milliseconds=1.5))) < floor


@given(MOMENTS)
def test_an_id_tells_its_millisecond(at: datetime) -> None:
    assert ulid_time(ulid_floor(at)) == at.replace(microsecond=at.microsecond // 1000 * 1000)


def test_moments_out_of_reach_give_the_nearest() -> None:
    assert ulid_floor(datetime(1900, 1, 1, tzinfo=UTC)) == "0" * 26
    assert is_ulid(ulid_floor(datetime.max.replace(tzinfo=UTC)))
