"""A span around each attempt, in the trace that enqueued the job: OpenTelemetry's side of the worker."""

import asyncio
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from jobstream import tracing
from jobstream.domain.job import ClaimedJob
from jobstream.worker.context import JobContext
from jobstream.worker.middleware import Middleware, Proceed
from jobstream.worker.signals import Snooze

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer, TracerProvider


def tracing_middleware(provider: "TracerProvider | None" = None) -> list[Middleware]:
    """The middleware that traces, outermost of all; none where OpenTelemetry is not installed, or nobody takes spans.

    `provider`: where spans go, else the one that the application has set for its process, by now.
    """
    if not tracing.is_installed:
        return []
    from opentelemetry import trace  # noqa: PLC0415 - only where it is installed

    if provider is None and isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return []  # making spans that nobody takes is not free
    return [Tracing(trace.get_tracer("jobstream", version("jobstream"), provider))]


class Tracing:
    """Makes spans of the kind CONSUMER, by the conventions for messaging."""

    def __init__(self, tracer: "Tracer") -> None:
        """`tracer` says where they go."""
        self._tracer = tracer

    async def __call__(self, ctx: JobContext, proceed: Proceed) -> Any:
        """The attempt within its span."""
        from opentelemetry.trace import SpanKind, StatusCode  # noqa: PLC0415 - only where it is installed

        job = ctx.claimed
        with self._tracer.start_as_current_span(
            f"process {job.kind}",
            context=tracing.context_of(job.traceparent),
            kind=SpanKind.CONSUMER,
            attributes=_attributes(job),
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                return await proceed()
            except (Snooze, asyncio.CancelledError) as error:
                span.add_event(type(error).__name__)
                raise
            except BaseException as error:
                span.record_exception(error)
                span.set_status(StatusCode.ERROR, type(error).__name__)
                raise


def _attributes(job: ClaimedJob) -> dict[str, str | int]:
    return {
        "messaging.system": "jobstream",
        "messaging.operation.type": "process",
        "messaging.operation.name": "process",
        "messaging.destination.name": job.queue,
        "messaging.message.id": job.id,
        "jobstream.kind": job.kind,
        "jobstream.attempt": job.attempt,
    }
