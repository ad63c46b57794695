"""Cursors of lists: opaque, and bound to the filter and owner that they came from."""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

import msgspec
from msgspec import Struct

from jobstream.domain.ids import is_ulid
from jobstream.errors import ErrorDetail, InvalidArgument

_DIGEST: Final = 12


def next_cursor(last: str, filter: Struct, owner: str | None) -> str:
    """The cursor of the page that follows that id."""
    return urlsafe_b64encode(last.encode() + _digest(filter, owner)).decode().rstrip("=")


def read_cursor(cursor: str, filter: Struct, owner: str | None) -> str:
    """The id that a cursor stands for. Raises InvalidArgument if it is none, or another filter's."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        data = urlsafe_b64decode(padded) if len(cursor) <= 64 else b""
        last = data[:-_DIGEST].decode("ascii")
    except ValueError:
        data, last = b"", ""
    if not is_ulid(last) or data[-_DIGEST:] != _digest(filter, owner):
        raise InvalidArgument("no cursor of this list", detail=ErrorDetail(field="cursor"))
    return last


def _digest(filter: Struct, owner: str | None) -> bytes:
    return hashlib.sha256(msgspec.json.encode((filter, owner))).digest()[:_DIGEST]
