"""What a handler says, as the notes that are stored: checked where it is said, so that the handler hears of a fault."""

import math

from jobstream.domain.event import may_be_emitted
from jobstream.domain.job import ClaimedJob
from jobstream.domain.payload import encode_payload
from jobstream.errors import InvalidArgument
from jobstream.store.reports import Note
from jobstream.worker.report import clean_text

MAX_STEP = 500
MAX_LOG_BYTES = 8 << 10
MAX_EMIT_BYTES = 64 << 10
LEVELS = ("debug", "info", "warning", "error", "critical")


def progress_note(job: ClaimedJob, current: float, total: float | None, step: str | None) -> Note:
    """How far the job is. Raises InvalidArgument for what is no number."""
    for number in (current, total):
        if number is not None and not math.isfinite(number):
            raise InvalidArgument(f"progress is told in numbers, not {number!r}")
    name = None if step is None else clean_text(str(step), MAX_STEP)
    return Note(id=job.id, attempt=job.attempt, verb="progress", current=current, total=total, name=name)


def log_note(job: ClaimedJob, message: str, level: str) -> Note:
    """A line. Raises InvalidArgument for a line that is too long, or a level that is none."""
    if level not in LEVELS:
        raise InvalidArgument(f"a log line's level is one of {', '.join(LEVELS)}, not {level!r}")
    body = clean_text(str(message))
    if len(body.encode()) > MAX_LOG_BYTES:
        raise InvalidArgument(f"a log line takes at most {MAX_LOG_BYTES} bytes")
    return Note(id=job.id, attempt=job.attempt, verb="log", name=level, body=body)


def emit_note(job: ClaimedJob, type: str, data: object) -> Note:
    """An event of the handler's own type. Raises InvalidArgument, TooLarge."""
    if not may_be_emitted(type):
        raise InvalidArgument(f"{type!r} cannot be an event's type")
    text = str(encode_payload(data, field="data", limit=MAX_EMIT_BYTES), "utf-8")
    return Note(id=job.id, attempt=job.attempt, verb="emit", name=type, data=text)
