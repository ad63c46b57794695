"""What the demo shows: two bars that move with the events, and a line for every attempt that fails."""

import sys
from collections import Counter
from typing import Any, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from examples.indexer.app import Report

TERMINAL = frozenset({"done", "dlq", "cancelled"})


class Screen:
    """Fed with events; a context manager. Without a terminal there are no bars, only lines."""

    def __init__(self) -> None:
        self.console = Console(highlight=False, soft_wrap=True)
        self._bars = Progress(
            TextColumn("{task.description:<8}"),
            BarColumn(bar_width=40),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
            console=self.console,
            disable=not sys.stdout.isatty(),
        )
        self._listing = self._bars.add_task("listing", total=None, note="")
        self._indexing = self._bars.add_task("indexing", total=None, note="")
        self._status_of: dict[str, str] = {}
        self._files = 0
        self._tenth = 0

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._bars.stop()

    def show(self, type: str, event: dict[str, Any]) -> None:
        """One more event of the run."""
        match type, event.get("kind"):
            case "progress", "index.folder":
                self._files = int(event["data"]["total"])
                self._bars.update(self._listing, completed=event["data"]["current"], total=self._files)
                self._bars.update(self._indexing, total=self._files)
            case "status", "index.file":
                self._show_file(event)

    def _show_file(self, event: dict[str, Any]) -> None:
        self._status_of[event["job_id"]] = event["status"]
        counts = Counter(self._status_of.values())
        ended = sum(counts[status] for status in TERMINAL)
        note = "  ".join(
            f"{counts[status]} {status}" for status in ("done", "running", "failed", "dlq") if counts[status]
        )
        self._bars.update(self._indexing, completed=ended, note=note)
        if event["status"] in ("failed", "dlq"):
            self._show_failure(event)
        if self._bars.disable and self._files and ended * 10 // self._files > self._tenth:
            self._tenth = ended * 10 // self._files
            self.console.print(f"{ended} of {self._files} files: {note}")

    def _show_failure(self, event: dict[str, Any]) -> None:
        error = event["data"].get("error")
        message = error.get("message") if isinstance(error, dict) else error
        what = "again in a second" if event["status"] == "failed" else "given up: dead letter queue"
        style = "yellow" if event["status"] == "failed" else "red"
        self.console.print(f"[{style}]attempt {event['attempt']}: {escape(str(message))}; {what}[/]")


def figures(report: Report) -> str:
    """The report in lines of text."""
    lines = [
        f"  files    {report.files:>12,}",
        f"  read     {report.read:>12,}",
        f"  unread   {report.unread:>12,}",
        f"  bytes    {report.bytes:>12,}",
        f"  lines    {report.lines:>12,}",
        f"  words    {report.words:>12,}",
        f"  copies   {report.copies:>12,}",
    ]
    types = ", ".join(f"{count:,} {name}" for name, count in Counter(report.types).most_common(8))
    return "\n".join([*lines, f"  types    {types}"])
