"""Bodies, strictly: JSON text to request structs, and every refusal with a pointer to the place at fault.

Strict means that `"5"` is no number, that unknown fields are refused, and that what `jsonb` could not hold (NUL,
lone surrogates, numbers out of range) never gets as far as the database.
"""

import json
import re
from collections.abc import Callable, Hashable, Iterator
from functools import cache
from typing import Any, TypeVar, cast

import msgspec

from jobstream.api.problems import Fault, Rejected

T = TypeVar("T")

_AT = re.compile(r"(?P<what>.*?)(?: - at (?:`key` in )?`\$(?P<path>[^`]*)`)?\Z", re.DOTALL)
_STEP = re.compile(r"\.(?P<name>[^.\[]+)|\[(?P<index>\d+|\.\.\.)\]")
_NAMED = re.compile(r"Object (?:missing required|contains unknown) field `(?P<name>.*)`\Z", re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def decode(body: bytes, type: type[T]) -> T:
    """The struct that the body stands for. Raises Rejected with a pointer."""
    try:
        value: T = _decoder(cast("Hashable", type)).decode(body)
    except msgspec.ValidationError as error:
        raise _rejected(*_place(str(error))) from error
    except RecursionError as error:
        raise _rejected("", "nested too deeply") from error
    except ValueError as error:  # not JSON, or not UTF-8; both are ValueErrors
        raise _rejected(*_malformed(body, str(error))) from error
    if b"\\u0000" in body:
        _refuse_nul(body)
    return value


def decode_without(body: bytes, type: type[T], member: str) -> tuple[T, str | None]:
    """As `decode`; but where the fault lies in that member, the rest without it, and what was wrong with it."""
    try:
        return decode(body, type), None
    except Rejected as refused:
        return decode(_rewritten(body, refused, member, None), type), refused.message


def decode_mended(body: bytes, type: type[T], member: str) -> T:
    """As `decode`; but in that member characters that cannot be stored are replaced."""
    try:
        return decode(body, type)
    except Rejected as refused:
        return decode(_rewritten(body, refused, member, _mended), type)


def _rewritten(body: bytes, refused: Rejected, member: str, mend: Callable[[Any], Any] | None) -> bytes:
    """The body with that member mended, or without it, if it was refused for what it holds; raises the refusal again if not."""
    if (refused.faults[0].pointer or "").split("/")[1:2] != [member]:
        raise refused
    try:
        document: dict[str, Any] = json.loads(body)
        value = document.pop(member)
        if mend is not None:
            document[member] = mend(value)
        return json.dumps(document).encode()
    except (
        ValueError,
        KeyError,
        RecursionError,
    ):  # no JSON at all, or nested too deeply to be looked through
        raise refused from None


def _mended(value: Any) -> Any:
    match value:
        case str():
            return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", value)
        case dict():
            return {_mended(name): _mended(item) for name, item in value.items()}
        case _:
            return value


def pointer_of(path: str) -> str:
    """msgspec's path (`.spec.labels[2]`) as a JSON pointer; steps that it does not name end the pointer."""
    steps = []
    for step in _STEP.finditer(path):
        if step["index"] == "...":
            break
        steps.append(step["name"] or step["index"])
    return "".join(f"/{escaped(step)}" for step in steps)


def escaped(step: str) -> str:
    """A member's name as a step of a JSON pointer (RFC 6901)."""
    return step.replace("~", "~0").replace("/", "~1")


@cache
def _decoder(type: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(type, strict=True)


def _rejected(pointer: str, detail: str) -> Rejected:
    place = pointer or "the body"
    return Rejected(f"{place}: {detail}", Fault(pointer=pointer, detail=detail))


def _place(message: str) -> tuple[str, str]:
    """Where and what, from a message of msgspec's."""
    parts = _AT.match(message)
    assert parts is not None  # the pattern matches any text
    pointer = pointer_of(parts["path"] or "")
    if named := _NAMED.match(parts["what"]):
        pointer = f"{pointer}/{escaped(named['name'])}"
    return pointer, parts["what"]


def _malformed(body: bytes, reason: str) -> tuple[str, str]:
    """Where and why a body is no JSON; msgspec says so of lone surrogates without a place."""
    try:
        document = json.loads(body.decode())
    except UnicodeDecodeError as error:
        return "", f"not UTF-8 at byte {error.start}"
    except (ValueError, RecursionError):
        return "", f"not JSON: {reason}"
    place = next((pointer for pointer, text in _texts(document) if _SURROGATE.search(text)), "")
    return place, "contains a lone surrogate" if place else f"not JSON: {reason}"


def _refuse_nul(body: bytes) -> None:
    for pointer, text in _texts(msgspec.json.decode(body)):
        if "\0" in text:
            raise _rejected(pointer, "contains the character NUL, which PostgreSQL cannot hold")


def _texts(document: Any) -> Iterator[tuple[str, str]]:
    """Every string of a document, names of members included, with its pointer."""
    todo: list[tuple[str, Any]] = [("", document)]
    while todo:
        pointer, value = todo.pop()
        match value:
            case str():
                yield pointer, value
            case list():
                todo += [(f"{pointer}/{index}", item) for index, item in enumerate(value)]
            case dict():
                for name, item in value.items():
                    # A name that cannot be printed cannot stand in a pointer either: its parent is named.
                    yield pointer, name
                    todo.append((f"{pointer}/{escaped(name)}", item))
