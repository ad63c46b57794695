import pytest

from jobstream.domain.event import may_be_emitted


@pytest.mark.parametrize(
    "type", ["build.stage.started", "anomaly_detected", "a", "x" * 64, "snapshot-updated"]
)
def test_handlers_emit_types_of_their_own(type: str) -> None:
    assert may_be_emitted(type)


@pytest.mark.parametrize(
    "type",
    [
        *(
            "",
            "A",
            "1a",
            "x" * 65,
            "a b",
            "a\n",
            "status",
            "progress",
            "log",
            "updated",
            "deleted",
            "pipeline",
        ),
        *("hello", "heartbeat", "reset", "end", "overloaded", "summary", "message", "open", "error"),
    ],
)
def test_names_that_mean_something_else_are_not_emitted(type: str) -> None:
    assert not may_be_emitted(type)
