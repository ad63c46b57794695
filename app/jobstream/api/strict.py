"""The request class: bodies decoded strictly, for the very type that the handler takes."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

from litestar import Request
from litestar.exceptions import HTTPException, InternalServerException

from jobstream.api.decoding import decode, decode_mended, decode_without
from jobstream.api.requests import Body

_UNSTORABLE = "jobstream.unstorable"
_BODY_SECONDS: Final = 20.0
_LEAST_RATE: Final = 16 * 1024
"""Bytes a second, beyond the first seconds: whoever sends less holds memory for next to nothing."""


class Unheard(HTTPException):
    """The body did not come: too slowly, or the client hung up before its end."""

    status_code = 408
    detail = "the body did not come in time"


class StrictRequest(Request[Any, Any, Any]):
    """Litestar converts bodies laxly ("5" is a number to it); this hands it the finished struct instead."""

    async def stream(self) -> AsyncIterator[bytes]:  # type: ignore[override]
        """The body as it comes. Raises Unheard; the framework's own where it is over the limit."""
        now = asyncio.get_running_loop().time
        due, pieces = now() + _BODY_SECONDS, super().stream()
        try:
            while True:
                async with asyncio.timeout_at(due):
                    piece = await anext(pieces)
                due += len(piece) / _LEAST_RATE
                yield piece
        except StopAsyncIteration:
            return
        except (TimeoutError, InternalServerException) as error:
            raise Unheard from error

    async def json(self) -> Any:
        """The body as the struct that the handler asks for."""
        body = await self.body()
        wanted = _body_type(self)
        if wanted is None or (body == b"null" and _may_be_missing(self)):
            return decode(body, object)
        if wanted.mended is not None:
            return decode_mended(body, wanted, wanted.mended)
        if wanted.given_up is not None:
            value, fault = decode_without(body, wanted, wanted.given_up)
            self.scope["state"][_UNSTORABLE] = fault
            return value
        return decode(body, wanted)


def unstorable(request: Request[Any, Any, Any]) -> str | None:
    """What was wrong with the member that was left out of the body."""
    fault: str | None = request.scope["state"].get(_UNSTORABLE)
    return fault


def _may_be_missing(request: Request[Any, Any, Any]) -> bool:
    field = request.route_handler.parsed_data_field
    return field is not None and field.is_optional


def _body_type(request: Request[Any, Any, Any]) -> type[Body] | None:
    field = request.route_handler.parsed_data_field
    if field is None:
        return None
    candidates = [field.annotation, *(inner.annotation for inner in field.inner_types)]
    return next((each for each in candidates if isinstance(each, type) and issubclass(each, Body)), None)
