"""Log lines that name the job."""

import json
import logging
from typing import Any

from jobstream.domain.job import ClaimedJob
from jobstream.worker.logs import JobFields, JsonFormatter, TextFormatter, about


def claimed() -> ClaimedJob:
    values: dict[str, Any] = dict.fromkeys(ClaimedJob.__struct_fields__)
    return ClaimedJob(**(values | {"id": "01J", "kind": "thumbnail", "attempt": 2}))


def line(formatter: logging.Formatter, **extra: Any) -> str:
    record = logging.LogRecord("jobstream.worker", logging.WARNING, __file__, 1, "lease %s", ("lost",), None)
    record.__dict__.update(extra)
    assert JobFields().filter(record)
    return formatter.format(record)


def test_a_line_about_a_job_names_it() -> None:
    text = line(TextFormatter(), **about(claimed()))
    assert text.endswith("WARNING jobstream.worker: lease lost [job_id=01J kind=thumbnail attempt=2]")


def test_a_line_about_nothing_names_nothing() -> None:
    assert line(TextFormatter()).endswith("jobstream.worker: lease lost")


def test_json_lines_carry_the_fields() -> None:
    entry = json.loads(line(JsonFormatter(), **about(claimed())))
    del entry["at"]
    assert entry == {
        "level": "warning",
        "logger": "jobstream.worker",
        "message": "lease lost",
        "job_id": "01J",
        "kind": "thumbnail",
        "attempt": 2,
    }
