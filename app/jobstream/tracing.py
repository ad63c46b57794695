"""Which trace goes on here: W3C's `traceparent`, by OpenTelemetry where it is installed (the extra `otel`).

Without it nothing here does anything, and what comes from outside as text is still kept.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from opentelemetry.context import Context

try:
    from opentelemetry import trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    is_installed = True
except ImportError:
    is_installed = False

PATTERN: Final = r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?!\n)$"
_WELL_FORMED: Final = re.compile(PATTERN)


def current_traceparent() -> str | None:
    """The context of the span that is current here; None for none."""
    if not is_installed:
        return None
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def traceparent_of(header: str | None) -> str | None:
    """The context that a request belongs to: of the span that somebody has opened for it, else what its header says.

    A header that is none counts for nothing, as W3C has it.
    """
    told = header.strip() if header else ""
    return current_traceparent() or (told if _WELL_FORMED.match(told) else None)


def context_of(traceparent: str | None) -> "Context":
    """The context to make a span in: with the remote parent, or with none at all."""
    carrier = {} if traceparent is None else {"traceparent": traceparent}
    # Not the current one: a job belongs to the trace that made it, not to whatever its worker was started in.
    return TraceContextTextMapPropagator().extract(carrier, context=_nothing())


def note(name: str, attributes: Mapping[str, Any]) -> None:
    """Write an event into the current span, if there is one that is recorded."""
    if is_installed and (span := trace.get_current_span()).is_recording():
        span.add_event(name, dict(attributes))


def _nothing() -> "Context":
    from opentelemetry.context import Context  # noqa: PLC0415 - only where it is installed

    return Context()
