"""Arguments and results on their way to and from JSON, with the limits of contract §1.

jsonb refuses NUL characters and lone surrogates, and JSON has no NaN; each is found here, with a pointer to it, before
anything is sent.
"""

import math
from collections.abc import Iterator, Mapping
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
    """A JSON pointer to the first thing that jsonb or JSON cannot hold, and what it is; None if all is well."""
    return next(_unstorable(value, ""), None)


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
    _refuse_unstorable(value, field)
    raise InvalidArgument(
        f"{field} cannot be written as JSON: {error}", detail=ErrorDetail(field=field)
    ) from error


def _unstorable(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield from _unstorable_text(value, pointer)
    elif isinstance(value, float):
        if not math.isfinite(value):
            yield pointer, "a number that is not finite"
    elif isinstance(value, msgspec.Raw):
        yield from _unstorable(msgspec.json.decode(value), pointer)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _unstorable_text(str(name), pointer)
            yield from _unstorable(item, f"{pointer}/{_escaped(str(name))}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _unstorable(item, f"{pointer}/{index}")
    elif isinstance(value, msgspec.Struct):
        yield from _unstorable(msgspec.structs.asdict(value), pointer)
    elif hasattr(value, "__dataclass_fields__"):
        yield from _unstorable({name: getattr(value, name) for name in value.__dataclass_fields__}, pointer)


def _unstorable_text(text: str, pointer: str) -> Iterator[tuple[str, str]]:
    if "\0" in text:
        yield pointer, "a NUL character"
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        yield pointer, "a lone surrogate"


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
