"""Ids: ULIDs, 26 upper-case characters, made only by the database (contract §1)."""

import re
from datetime import UTC, datetime, timedelta

from jobstream.errors import ErrorDetail, InvalidArgument

_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}\Z")
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = (1 << 48) - 1


def is_ulid(text: str) -> bool:
    """Whether the text has the one form of an id. Lower case is none."""
    return _ULID.match(text) is not None


def checked_id(text: str) -> str:
    """The text, if it is an id. Raises InvalidArgument."""
    if not is_ulid(text):
        raise InvalidArgument("an id is a ULID: 26 upper-case characters", detail=ErrorDetail(field="id"))
    return text


def ulid_floor(at: datetime) -> str:
    """The smallest id of that millisecond: ids made before it sort below, ids made then or later do not.

    Moments outside of what a ULID can hold give the nearest that it can.
    """
    milliseconds = min(max((at - _EPOCH) // timedelta(milliseconds=1), 0), _LAST)
    return "".join(_ALPHABET[milliseconds >> shift & 31] for shift in range(45, -1, -5)) + "0" * 16


def ulid_time(ulid: str) -> datetime:
    """When the id was made, to the millisecond, by the database's clock."""
    milliseconds = 0
    for character in ulid[:10]:
        milliseconds = milliseconds << 5 | _ALPHABET.index(character)
    return _EPOCH + timedelta(milliseconds=milliseconds)
