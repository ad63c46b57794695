"""An exception as the database keeps it: type, message, traceback, each bounded and free of what jsonb refuses."""

import os
import traceback
from pathlib import Path
from types import TracebackType

from msgspec import Struct

MAX_MESSAGE = 4_000
MAX_TRACEBACK = 16_000
MAX_FRAMES = 30

_OWN_CODE = str(Path(__file__).parent) + os.sep


class ErrorReport(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What `jobstream.fail` is told. `traceback` is text, innermost call last."""

    type: str
    message: str
    traceback: str | None = None


def report_error(error: BaseException, *, message: str | None = None, type: str | None = None) -> ErrorReport:
    """The error as it is to be kept; `message` and `type` stand in for the exception's own."""
    return ErrorReport(
        type=clean_text(type or _type_name(error), 200),
        message=clean_text(message or _message(error), MAX_MESSAGE),
        traceback=_traceback(error),
    )


def clean_text(text: str, limit: int | None = None) -> str:
    """The text without NUL and lone surrogates, and no longer than `limit` characters: the middle gives way."""
    text = text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
    if limit is None or len(text) <= limit:
        return text
    half = limit // 2 - 10
    return f"{text[:half]}\n  […]\n{text[-half:]}"


def _type_name(error: BaseException) -> str:
    kind = error.__class__
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _message(error: BaseException) -> str:
    try:
        return str(error) or error.__class__.__name__
    except Exception as broken:  # noqa: BLE001  (`__str__` is the user's)
        return f"<its text cannot be had: {broken.__class__.__name__}>"


def _traceback(error: BaseException) -> str | None:
    trace = _without_own_frames(error.__traceback__)
    if trace is None:
        return None
    try:
        lines = traceback.format_exception(error.__class__, error, trace, limit=-MAX_FRAMES)
    except Exception as broken:  # noqa: BLE001  (formats the user's objects)
        return f"<its traceback cannot be had: {broken.__class__.__name__}>"
    return clean_text("".join(lines), MAX_TRACEBACK)


def _without_own_frames(trace: TracebackType | None) -> TracebackType | None:
    """The traceback from the handler's first frame on: how it was called says nothing about the error."""
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_OWN_CODE):
        trace = trace.tb_next
    return trace
