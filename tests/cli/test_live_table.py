"""The table of `watch --queue`: what a person sees after these events."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console

from jobstream.cli.gateway import Happened
from jobstream.cli.live_table import LiveTable
from jobstream.cli.views import Broken
from jobstream.domain.event import Event

NOW = datetime.now(UTC)


def happened(id: int, job: str, type: str, status: str, data: Any = None) -> Happened:
    event = Event(
        id=id,
        job_id=job,
        type=type,
        status=status,
        attempt=1,
        at=NOW + timedelta(milliseconds=id),
        queue="images",
        kind="thumbnail",
        pipeline_id=None,
        labels={},
        by=None,
        data=data,
    )
    return Happened(event=event, position=str(id))


def shown(*items: Happened | Broken) -> list[str]:
    """The last state of the table, as lines."""
    console = Console(file=io.StringIO(), width=160)
    table = LiveTable("images", console)
    for item in items:
        table.show(item)
    with console.capture() as captured:
        console.print(table.render())
    return captured.get().splitlines()


def test_running_jobs_stand_before_ended_ones_with_progress_and_words() -> None:
    lines = shown(
        happened(1, "A", "status", "running"),
        happened(2, "B", "status", "running"),
        happened(3, "B", "log", "running", {"message": "nearly there"}),
        happened(4, "A", "status", "done"),
        happened(
            5, "B", "progress", "running", {"current": 5, "total": 10, "percent": 50.0, "step": "scale"}
        ),
    )
    assert "queue images" in lines[0]
    assert "done 1" in lines[0]
    assert lines[2].startswith("B ")
    for word in ("running", "5/10", "50 %", "scale", "nearly there"):
        assert word in lines[2]
    assert lines[3].startswith("A ")
    assert "done" in lines[3]


def test_errors_deletions_and_lost_connections_are_told() -> None:
    lines = shown(
        happened(1, "A", "status", "failed", {"error": {"type": "ValueError", "message": "no luck"}}),
        happened(2, "B", "status", "pending"),
        happened(3, "B", "deleted", "pending"),
        Broken(why="reset by peer", again_in=0.2),
    )
    assert "ValueError: no luck" in lines[2]
    assert len(lines) == 3
    assert "reset by peer" in lines[0]


def test_a_screen_holds_twenty_and_a_long_watch_forgets_what_ended() -> None:
    lines = shown(*(happened(n, f"J{n:04}", "status", "done" if n % 2 else "running") for n in range(1000)))
    assert len(lines) == 22
    assert all("running" in line for line in lines[2:])
    assert "done 500" in lines[0]
