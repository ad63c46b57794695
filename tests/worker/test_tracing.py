"""A job's trace: from whoever enqueued it, through the database, to the handler and what that enqueues."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from jobstream import Client, JobContext, JobStream, Snooze
from jobstream.store.pool import Database
from jobstream.tracing import current_traceparent, traceparent_of
from jobstream.worker.tracing import tracing_middleware
from tests.support import Connection, eventually
from tests.worker.conftest import StartWorker
from tests.worker.support import enqueue, status_is

REMOTE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Spans:
    """What was traced. A provider of the test's own: the process's may be set but once."""

    def __init__(self) -> None:
        self.provider = TracerProvider()
        self._exporter = InMemorySpanExporter()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self._exporter.get_finished_spans() if span.name == name]


@pytest.fixture
def spans() -> Iterator[Spans]:
    made = Spans()
    yield made
    made.provider.shutdown()


def ids(span: ReadableSpan) -> tuple[str, str | None]:
    """Trace and parent, in hexadecimal."""
    assert span.context is not None
    parent = None if span.parent is None else f"{span.parent.span_id:016x}"
    return f"{span.context.trace_id:032x}", parent


async def test_handler_runs_in_the_trace_of_the_span_that_enqueued_it(
    app: JobStream, database: Database, conn: Connection, start_worker: StartWorker, spans: Spans
) -> None:
    @app.job("child")
    def child(ctx: JobContext) -> str | None:
        return current_traceparent()

    @app.job("parent")
    async def parent(ctx: JobContext) -> str:
        await ctx.log("half way")
        await ctx.emit("page.read", {"page": 1})
        return (await ctx.client.enqueue(child)).id

    async with (
        Client.over(database) as client,
        start_worker(client=client, middleware=tracing_middleware(spans.provider)),
    ):
        with spans.provider.get_tracer("tests").start_as_current_span("request") as request:
            job = await client.enqueue(parent)
        child_id = await job.result(timeout=20)
        inner = await client.handle(child_id, child).result(timeout=20)
    [processed], [later] = spans.named("process parent"), spans.named("process child")
    trace_id = f"{request.get_span_context().trace_id:032x}"
    assert ids(processed) == (trace_id, f"{request.get_span_context().span_id:016x}")
    assert processed.context is not None
    assert ids(later) == (trace_id, f"{processed.context.span_id:016x}")
    assert inner is not None
    assert inner.split("-")[1] == trace_id
    assert [event.name for event in processed.events] == ["log", "page.read"]
    assert processed.kind is SpanKind.CONSUMER
    assert dict(processed.attributes or {}) == {
        "messaging.system": "jobstream",
        "messaging.operation.type": "process",
        "messaging.operation.name": "process",
        "messaging.destination.name": "default",
        "messaging.message.id": job.id,
        "jobstream.kind": "parent",
        "jobstream.attempt": 1,
    }


async def test_every_attempt_is_a_span_and_a_failure_is_its_error(
    app: JobStream, conn: Connection, start_worker: StartWorker, spans: Spans
) -> None:
    @app.job("unlucky")
    async def unlucky(ctx: JobContext) -> None:
        if ctx.attempt == 1:
            raise Snooze(0)
        raise KeyError("lost")

    job = await conn.fetchval(
        "select id from jobstream.enqueue_many(jsonb_build_array(jsonb_build_object("
        "'kind', 'unlucky', 'max_attempts', 1, 'traceparent', $1::text)))",
        REMOTE,
    )
    async with start_worker(middleware=tracing_middleware(spans.provider)):
        await status_is(conn, job, "dlq", timeout=20)
        await eventually(lambda: len(spans.named("process unlucky")) == 2)
    snoozed, failed = spans.named("process unlucky")
    for span in (snoozed, failed):
        assert ids(span) == tuple(REMOTE.split("-")[1:3])
    assert snoozed.status.status_code is StatusCode.UNSET
    assert failed.status.status_code is StatusCode.ERROR
    assert [event.name for event in failed.events] == ["exception"]


async def test_job_without_a_trace_begins_one(
    app: JobStream, conn: Connection, start_worker: StartWorker, spans: Spans
) -> None:
    @app.job("alone")
    async def alone(ctx: JobContext) -> None:
        pass

    with spans.provider.get_tracer("tests").start_as_current_span("the worker's own"):
        async with start_worker(middleware=tracing_middleware(spans.provider)):
            await status_is(conn, await enqueue(conn, "alone"), "done")
    [span] = spans.named("process alone")
    assert span.parent is None


def test_header_counts_where_no_span_is_open_and_only_if_it_is_one(spans: Spans) -> None:
    assert traceparent_of(REMOTE) == REMOTE
    for wrong in (None, "", "x", REMOTE.upper(), REMOTE + "\n-x", REMOTE[:-1]):
        assert traceparent_of(wrong) is None
    with spans.provider.get_tracer("tests").start_as_current_span("request"):
        assert traceparent_of(REMOTE) == current_traceparent() != REMOTE
    assert current_traceparent() is None
    assert not trace.get_current_span().is_recording()


def test_where_nobody_takes_spans_none_are_made() -> None:
    assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
    assert tracing_middleware() == []


def test_without_opentelemetry_everything_works_untraced() -> None:
    program = """
import sys
sys.modules["opentelemetry"] = None
from jobstream import tracing
from jobstream.worker.tracing import tracing_middleware
from jobstream.client.options import new_job
assert not tracing.is_installed
assert tracing.current_traceparent() is None
assert tracing.traceparent_of("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01") is not None
assert tracing_middleware() == []
assert new_job("k", None, {}).traceparent is None
tracing.note("log", {})
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
