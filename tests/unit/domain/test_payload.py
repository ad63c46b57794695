from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobstream.domain.payload import MAX_PAYLOAD_BYTES, decode_payload, encode_payload, find_unstorable
from jobstream.errors import InvalidArgument, TooLarge

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc~/"), inner, max_size=4),
    max_leaves=12,
)


@dataclass
class Picture:
    path: str
    scale: float = 1.0
    taken: datetime | None = None


class Box(msgspec.Struct):
    inside: Any


@given(JSON)
def test_what_json_can_hold_comes_back(value: Any) -> None:
    assert decode_payload(encode_payload(value)) == value
    assert find_unstorable(value) is None


def test_dataclasses_come_back_as_themselves() -> None:
    picture = Picture("a/b", 0.5, datetime(2026, 1, 2, tzinfo=UTC))
    assert decode_payload(encode_payload(picture), Picture) == picture


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        ("a\0b", ""),
        ({"a": ["x", "\0"]}, "/a/1"),
        ({"a/b": {"c~d": float("nan")}}, "/a~1b/c~0d"),
        ([1, float("inf")], "/1"),
        ({"a": "\ud800"}, "/a"),
        ({"\0": 1}, ""),
        (Box([Picture("\0")]), "/inside/0/path"),
        (Box(float("-inf")), "/inside"),
        (msgspec.Raw(b'{"a": "\\u0000"}'), "/a"),
    ],
)
def test_what_jsonb_refuses_is_pointed_at(value: Any, pointer: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        encode_payload(value)
    assert caught.value.detail is not None
    assert caught.value.detail.pointer == pointer
    assert caught.value.detail.field == "args"


def test_an_escaped_backslash_before_u0000_is_no_nul() -> None:
    assert decode_payload(encode_payload("\\u0000 null")) == "\\u0000 null"


@pytest.mark.parametrize("value", [object(), {1: object()}, Box(object())])
def test_what_is_no_json_is_refused(value: Any) -> None:
    with pytest.raises(InvalidArgument, match="args cannot be written as JSON"):
        encode_payload(value)


def test_a_value_that_holds_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(InvalidArgument):
        encode_payload(value)


def test_a_mebibyte_is_the_most() -> None:
    encode_payload("x" * (MAX_PAYLOAD_BYTES - 2))
    with pytest.raises(TooLarge, match="args"):
        encode_payload("x" * (MAX_PAYLOAD_BYTES - 1))


def test_a_result_that_does_not_fit_its_type_is_told() -> None:
    with pytest.raises(InvalidArgument, match="Expected `int`"):
        decode_payload('"x"', int)
