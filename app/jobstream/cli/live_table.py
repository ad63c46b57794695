"""`watch --queue` on a terminal: the jobs that move, as a table that changes in place."""

from datetime import UTC, datetime
from typing import Any, Final, Self

from msgspec import Struct
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from jobstream.cli.gateway import Happened, Reset, StreamItem
from jobstream.cli.output import ago, error_text, one_line, status_text
from jobstream.cli.views import Broken, Verdict, count_text, notice
from jobstream.domain.event import Event
from jobstream.domain.job import TERMINAL

MOST_ROWS: Final = 20


class Row(Struct):
    """What is known of a job from its events."""

    id: str
    kind: str
    status: str
    at: datetime
    attempt: int = 0
    progress: str = ""
    said: str = ""


class LiveTable:
    """The jobs that something happened to last, what runs before what has ended; below it how many went which way."""

    def __init__(self, queue: str, console: Console | None = None) -> None:
        """For one queue."""
        self._queue = queue
        self._rows: dict[str, Row] = {}
        self._ended: dict[str, int] = {}
        self._notice = Text("connecting", style="dim")
        self._live = Live(console=console or Console(highlight=False), refresh_per_second=8, transient=False)

    def __enter__(self) -> Self:
        """Takes a part of the screen."""
        self._live.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Leaves the table as it stands."""
        self._live.stop()

    def show(self, item: StreamItem | Broken) -> None:
        """One more thing that came."""
        match item:
            case Happened():
                self._notice = Text()
                self._note(item.event)
            case Broken() | Reset():
                self._notice = Text(notice(item), style="yellow")
            case _:
                self._notice = Text("connected; nothing has happened yet", style="dim")
        self._live.update(self.render())

    def conclude(self, verdict: Verdict) -> None:
        """A queue has no end."""

    def render(self) -> Group:
        """The table as it is now."""
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in ("JOB", "KIND", "STATUS", "TRY", "PROGRESS", "LAST", "SAID"):
            table.add_column(name, no_wrap=True, justify="right" if name in ("TRY", "LAST") else "left")
        for row in self._shown():
            age = ago(row.at, now=max(datetime.now(UTC), row.at))
            cells = (
                row.id,
                row.kind,
                status_text(row.status),
                str(row.attempt or ""),
                row.progress,
                age,
                row.said,
            )
            table.add_row(*cells)
        ended = "  ".join(f"{status} {count:,}" for status, count in sorted(self._ended.items()))
        title = Text.assemble((f"queue {self._queue}", "bold"), f"   {ended}   ", self._notice)
        return Group(title, table)

    def _shown(self) -> list[Row]:
        rows = sorted(self._rows.values(), key=lambda row: (row.status in TERMINAL, -row.at.timestamp()))
        return rows[:MOST_ROWS]

    def _note(self, event: Event) -> None:
        if event.job_id is None:
            return
        row = self._rows.pop(event.job_id, None)
        if event.type == "deleted":
            return
        row = row or Row(id=event.job_id, kind=event.kind or "", status=event.status or "", at=event.at)
        if event.type == "status" and event.status in TERMINAL:
            self._ended[event.status] = self._ended.get(event.status, 0) + 1
        row.status, row.at, row.attempt = event.status or row.status, event.at, event.attempt or row.attempt
        data: dict[str, Any] = event.data if isinstance(event.data, dict) else {}
        match event.type:
            case "progress":
                row.progress = f"{count_text(data)}  {data.get('step') or ''}".strip()
            case "log":
                row.said = one_line(str(data.get("message", "")), most=60)
            case "status" if data.get("error"):
                row.said = one_line(error_text(data["error"]), most=60)
        self._rows[event.job_id] = row
        self._forget()

    def _forget(self) -> None:
        """Ended jobs that would not be shown any more, and, of very many that run, the ones heard of longest ago."""
        while len(self._rows) > 10 * MOST_ROWS:
            ended = next((id for id, row in self._rows.items() if row.status in TERMINAL), None)
            del self._rows[ended or next(iter(self._rows))]
