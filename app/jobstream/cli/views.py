"""How a followed job looks: a live bar on a terminal, plain lines in a pipe, JSON lines for machines."""

import json
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol, Self

from msgspec import Struct
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.text import Text

from jobstream.cli.gateway import Ended, Happened, Hello, Reset, StreamItem
from jobstream.cli.output import (
    STATUS_MARKS,
    STATUS_STYLES,
    console,
    error_text,
    one_line,
    print_json,
    span,
    status_text,
)
from jobstream.domain.event import Event


class Broken(Struct, frozen=True, kw_only=True):
    """The connection broke off; it is made again in `again_in` seconds."""

    why: str
    again_in: float


class Verdict(Struct, frozen=True, kw_only=True):
    """How the job ended."""

    status: str
    reason: str | None
    error: str | None
    result: Any


class View(Protocol):
    """Shows what comes out of `follow`, in a `with` block that cleans up after itself."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def show(self, item: StreamItem | Broken) -> None:
        """One more thing that came."""

    def conclude(self, verdict: Verdict) -> None:
        """The end."""


def choose_view(*, as_json: bool, queue: str | None = None) -> View:
    """The view that fits to where stdout goes, for one job or all of a queue."""
    if as_json:
        return JsonLines()
    if queue is not None:
        from jobstream.cli.live_table import LiveTable

        return LiveTable(queue) if sys.stdout.isatty() else PlainLines(console(), naming=True)
    return LiveBar() if sys.stdout.isatty() else PlainLines(console())


class JsonLines:
    """One stored event a line on stdout; notices about the connection go to stderr."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        return None

    def show(self, item: StreamItem | Broken) -> None:
        """Print an event; say on stderr what is none."""
        if isinstance(item, Happened):
            print_json(item.event)
        elif isinstance(item, Broken | Reset):
            print(notice(item), file=sys.stderr, flush=True)

    def conclude(self, verdict: Verdict) -> None:
        """Nothing: the last event has said it."""


class PlainLines:
    """One line of words an event, for pipes, logs and terminals without cursor movement.

    `naming` puts the job in front, where there are several.
    """

    def __init__(self, out: Console, *, naming: bool = False) -> None:
        self._out = out
        self._naming = naming

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        return None

    def show(self, item: StreamItem | Broken) -> None:
        """Print what happened, with its time."""
        match item:
            case Happened():
                job = Text(f"{item.event.job_id}  {item.event.kind}  ") if self._naming else Text()
                self._out.print(job.append_text(event_line(item.event)))
            case Broken() | Reset():
                self._out.print(Text(notice(item), style="yellow"))

    def conclude(self, verdict: Verdict) -> None:
        """Print the result of a job that is done; an error is for stderr."""
        if verdict.status == "done":
            self._out.print(_result_line(verdict))


class LiveBar:
    """One bar that moves, with what the job logs and emits above it."""

    def __init__(self) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.fields[status]}"),
            BarColumn(bar_width=40),
            TextColumn("{task.fields[count]}"),
            TextColumn("{task.description}", markup=False),
            console=Console(highlight=False),
        )
        self._task: TaskID = self._progress.add_task("", total=None, status="connecting", count="")
        self._latest: dict[str, Any] = {}
        self._lines = PlainLines(self._progress.console)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._progress.stop()

    def show(self, item: StreamItem | Broken) -> None:
        """Move the bar, or print above it."""
        match item:
            case Hello():
                self._show_status(item.status)
                self._show_progress(item.progress)
            case Happened() if item.event.type == "progress":
                self._show_status(item.event.status)
                self._show_progress(item.event.data)
            case Happened():
                self._show_status(item.event.status)
                self._lines.show(item)
            case Broken():
                self._update(status=f"[yellow]reconnecting[/] ({one_line(item.why, most=60)})")
            case Reset():
                self._lines.show(item)
            case Ended():
                pass

    def conclude(self, verdict: Verdict) -> None:
        """Leave the bar where it stood, and print the result below."""
        task = self._progress.tasks[0]
        if task.total is None:
            self._progress.update(self._task, total=1, completed=verdict.status == "done")
        self._update(count=count_text(self._latest, eta=False))
        self._progress.stop()
        self._lines.conclude(verdict)

    def _show_status(self, status: str | None) -> None:
        if status is None:
            return
        self._update(
            status=f"[{STATUS_STYLES.get(status, 'default')}]{STATUS_MARKS.get(status, '?')} {status}[/]"
        )

    def _show_progress(self, progress: Any) -> None:
        if not isinstance(progress, dict):
            return
        self._latest = progress
        total = progress.get("total")
        self._progress.update(
            self._task,
            completed=progress.get("current") or 0,
            total=total,
            description=str(progress.get("step") or ""),
            count=count_text(progress),
        )

    def _update(self, **fields: str) -> None:
        self._progress.update(self._task, refresh=True, **fields)  # type: ignore[arg-type]  # a task's own fields


def event_line(event: Event) -> Text:
    """One event in words: `14:03:07  progress   50/100 50 %  resizing`."""
    describe = _DESCRIPTIONS.get(event.type, _describe_emitted)
    return Text.assemble(
        (event.at.astimezone().strftime("%H:%M:%S"), "dim"), "  ", f"{event.type:<10}", " ", describe(event)
    )


def _describe_status(event: Event) -> Text:
    data = event.data if isinstance(event.data, dict) else {}
    words = status_text(event.status or "")
    if event.status == "running":
        words.append(f"  attempt {event.attempt}", style="dim")
    if reason := data.get("reason"):
        words.append(f"  {reason}")
    if error := data.get("error"):
        words.append(f"  {one_line(error_text(error), most=200)}")
    if event.by:
        words.append(f"  by {event.by}", style="dim")
    return words


def _describe_progress(event: Event) -> Text:
    data = event.data if isinstance(event.data, dict) else {}
    return Text(f"{count_text(data)}  {data.get('step') or ''}".rstrip())


def _describe_log(event: Event) -> Text:
    data = event.data if isinstance(event.data, dict) else {}
    level = str(data.get("level", "info"))
    style = {"warning": "yellow", "error": "red"}.get(level, "")
    return Text(f"{level}: {data.get('message', '')}", style=style)


def _describe_emitted(event: Event) -> Text:
    return Text(one_line(json.dumps(event.data, ensure_ascii=False), most=400))


_DESCRIPTIONS: dict[str, Callable[[Event], Text]] = {
    "status": _describe_status,
    "progress": _describe_progress,
    "log": _describe_log,
}


def count_text(progress: dict[str, Any], *, eta: bool = True) -> str:
    """`50/100  50 %  3 s left`, as far as it is known."""
    current, total, left = progress.get("current"), progress.get("total"), progress.get("eta_secs")
    parts = []
    if current is not None:
        parts.append(f"{current:g}" if total is None else f"{current:g}/{total:g}")
    if (percent := progress.get("percent")) is not None:
        parts.append(f"{percent:.0f} %")
    if left and eta:
        parts.append(f"{span(left)} left")
    return "  ".join(parts)


def notice(item: Broken | Reset) -> str:
    """What became of the connection, for people."""
    if isinstance(item, Broken):
        return f"connection lost ({item.why}); going on from the last event in {item.again_in:.1f} s"
    return f"a part of the history cannot be had ({item.reason}); going on from now"


def _result_line(verdict: Verdict) -> Text:
    text = Text("● done", style="green")
    if verdict.result is not None:
        text.append("  " + json.dumps(verdict.result, ensure_ascii=False), style="default")
    return text
