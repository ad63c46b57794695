"""Arguments and results on their way to and from JSON, with the limits of contract §1.

jsonb refuses NUL characters and lone surrogates, and JSON has no NaN; each is found here, with a pointer to it, before
anything is sent.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import msgspec

from jobstream.errors import ErrorDetail, InvalidArgument, TooLarge

MAX_PAYLOAD_BYTES = 1 << 20
"""The most that `args` and `result` may take as JSON text."""

_encoder = msgspec.json.Encoder()


def encode_payload(value: Any, *, field: str = "args", limit: int = MAX_PAYLOAD_BYTES) -> bytes:
    """The value as JSON that jsonb takes.

    Structs, dataclasses, dates, UUIDs and pydantic models are written as msgspec does. Raises InvalidArgument with
    a JSON pointer for what cannot be stored, TooLarge over `limit` bytes.
    """
    try:
        text = _encoder.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        text = _encode_with_models(value, field, error)
    if len(text) > limit:
        raise TooLarge(f"{field} takes {len(text)} bytes, more than {limit}", detail=ErrorDetail(field=field))
    # Both marks are rare in honest payloads; only where one is found is the value walked.
    if b"\\u0000" in text or b"null" in text:
        _refuse_unstorable(value, field)
    return text


def decode_payload(text: bytes | str, type: Any = Any) -> Any:
    """The value that JSON text stands for, as that type. Raises InvalidArgument where it does not fit."""
    try:
        return msgspec.json.decode(text, type=type)
    except msgspec.ValidationError as error:
        raise InvalidArgument(str(error)) from error


def find_unstorable(value: Any) -> tuple[str, str] | None:
    """A JSON pointer to something that jsonb or JSON cannot hold, and what it is; None if all is well."""
    # A stack of our own: what arrives may be nested deeper than Python recurses.
    left = [("", value)]
    while left:
        pointer, item = left.pop()
        if isinstance(item, msgspec.Raw):
            item = msgspec.json.decode(item)
        if isinstance(item, str):
            fault = _text_fault(item)
        elif isinstance(item, float):
            fault = None if math.isfinite(item) else "a number that is not finite"
        else:
            children = _children(item)
            fault = next(filter(None, (_text_fault(name) for name, _ in children)), None)
            left += [(f"{pointer}/{_escaped(name)}", child) for name, child in reversed(children)]
        if fault is not None:
            return pointer, fault
    return None


def _refuse_unstorable(value: Any, field: str) -> None:
    found = find_unstorable(value)
    if found is not None:
        pointer, what = found
        raise InvalidArgument(
            f"{field}{pointer}: {what} cannot be stored", detail=ErrorDetail(field=field, pointer=pointer)
        )


def _encode_with_models(value: Any, field: str, error: Exception) -> bytes:
    dump = getattr(value, "model_dump_json", None)  # pydantic, without importing it
    if dump is not None:
        return bytes(dump(), "utf-8")
    if not isinstance(error, RecursionError):  # else it may hold itself, and no walk would end
        _refuse_unstorable(value, field)
    raise InvalidArgument(
        f"{field} cannot be written as JSON: {error}", detail=ErrorDetail(field=field)
    ) from error


def _children(value: Any) -> list[tuple[str, Any]]:
    match value:
        case Mapping():
            return [(str(name), item) for name, item in value.items()]
        case list() | tuple():
            return [(str(index), item) for index, item in enumerate(value)]
        case msgspec.Struct():
            return list(msgspec.structs.asdict(value).items())
        case _ if dataclasses.is_dataclass(value):
            return [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
    return []


def _text_fault(text: str) -> str | None:
    if "\0" in text:
        return "a NUL character"
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        return "a lone surrogate"
    return None


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
