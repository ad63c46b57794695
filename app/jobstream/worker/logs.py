"""Log lines that name the job, for the worker's own and for whatever a handler logs while it runs."""

import logging
from typing import Any

import msgspec
from msgspec import Struct

from jobstream.domain.job import ClaimedJob
from jobstream.worker.context import current_context

_FIELDS = ("job_id", "kind", "attempt")


def about(job: ClaimedJob) -> dict[str, Any]:
    """What to pass as `extra` with a line about a job whose handler does not run here and now."""
    return {"job_id": job.id, "kind": job.kind, "attempt": job.attempt}


class JobFields(logging.Filter):
    """Adds `job_id`, `kind` and `attempt` to each record: given by `extra`, else of the handler that logs."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Lets everything through."""
        if not hasattr(record, "job_id"):
            context = current_context.get()
            fields = dict.fromkeys(_FIELDS) if context is None else about(context.claimed)
            record.__dict__.update(fields)
        return True


class TextFormatter(logging.Formatter):
    """One line: time, level, logger, message, then the job's fields as `name=value`."""

    def __init__(self) -> None:
        """ISO times, to the millisecond."""
        super().__init__("%(asctime)s.%(msecs)03d %(levelname)-7s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  (the library's name)
        """The line without traceback."""
        fields = [(name, getattr(record, name, None)) for name in _FIELDS]
        told = " ".join(f"{name}={value}" for name, value in fields if value is not None)
        line = super().formatMessage(record)
        return f"{line} [{told}]" if told else line


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON."""
        entry: dict[str, Any] = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry |= {n: v for n in _FIELDS if (v := getattr(record, n, None)) is not None}
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return str(msgspec.json.encode(entry), "utf-8")


class LogSettings(Struct, frozen=True):
    """How a process was told to log."""

    level: str | int
    json: bool


configured: LogSettings | None = None
"""What `configure_logging` was told here: processes of handlers log likewise."""


def configure_logging(*, level: str | int = "INFO", json: bool = False) -> None:
    """Send the root logger's lines to standard error, with the job's fields. For entry points alone."""
    global configured  # noqa: PLW0603  (logging is the process's own, too)
    configured = LogSettings(level, json)
    handler = logging.StreamHandler()
    handler.addFilter(JobFields())
    handler.setFormatter(JsonFormatter() if json else TextFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
