"""A handler's types, read from its signature: what its arguments are decoded into, what its result is."""

import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

import msgspec
from msgspec import Struct

from jobstream.domain.payload import encode_payload
from jobstream.errors import InvalidArgument


class Signature(Struct, frozen=True):
    """What a handler's function takes and gives. `takes_args` is False for a handler of the context alone."""

    takes_args: bool
    args_type: Any
    result_type: Any
    is_async: bool


def read_signature(function: Callable[..., Any]) -> Signature:
    """The signature of a handler. Raises TypeError where it cannot be called as `handler(ctx)` or `handler(ctx, args)`."""
    parameters = list(inspect.signature(function).parameters.values())
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    surplus = [p for p in positional[2:] if p.default is p.empty]
    keywords = [p for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    if not positional or surplus or keywords:
        raise TypeError(f"{_name(function)}: a handler takes (ctx) or (ctx, args)")
    hints = _hints(function)
    takes_args = len(positional) > 1
    return Signature(
        takes_args=takes_args,
        args_type=hints.get(positional[1].name, Any) if takes_args else None,
        result_type=hints.get("return", Any),
        is_async=inspect.iscoroutinefunction(function)
        or inspect.iscoroutinefunction(getattr(function, "__call__", None)),  # noqa: B004  (its kind is asked)
    )


class Codec:
    """Reads and writes values of one type as JSON. pydantic models are read by their own validation."""

    __slots__ = ("_decode", "name")

    def __init__(self, type: Any) -> None:
        """Raises TypeError for a type that JSON cannot be read into."""
        self.name = getattr(type, "__name__", None) or str(type)
        self._decode = msgspec.json.Decoder(type, dec_hook=_read_model).decode

    def decode(self, text: bytes | str) -> Any:
        """The value. Raises InvalidArgument, naming the place, where it does not fit the type."""
        try:
            return self._decode(text)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise InvalidArgument(str(error)) from error

    @staticmethod
    def encode(value: Any, *, field: str) -> bytes:
        """The value as JSON. Raises InvalidArgument, TooLarge."""
        return encode_payload(value, field=field)


def _read_model(type: Any, value: Any) -> Any:
    validate = getattr(type, "model_validate", None)  # pydantic, without importing it
    if validate is not None:
        return validate(value)
    raise TypeError(f"{type.__qualname__} cannot be read from JSON")


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    annotated = function if inspect.isroutine(function) else type(function).__call__
    try:
        return get_type_hints(annotated, include_extras=True)
    except NameError as error:
        raise TypeError(
            f"{_name(function)}: {error}; a handler's annotations must be names of its module"
        ) from error


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__qualname__", repr(function))
