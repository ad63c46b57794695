"""What commands print: JSON for machines, aligned columns and short times for people."""

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

STATUS_STYLES = {
    "waiting": "dim",
    "pending": "blue",
    "running": "cyan",
    "failed": "yellow",
    "done": "green",
    "dlq": "red",
    "cancelled": "magenta",
}
STATUS_MARKS = {
    "waiting": "◌",
    "pending": "○",
    "running": "◐",
    "failed": "↻",
    "done": "●",
    "dlq": "✖",
    "cancelled": "⊘",
}
_WIDE = 10_000


def console(*, stderr: bool = False) -> Console:
    """A console that cuts nothing when its output goes to a file or a pipe."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else _WIDE, highlight=False, soft_wrap=True)


def print_json(value: object) -> None:
    """One JSON value on one line of stdout."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> None:
    """Aligned columns without borders; nothing is shortened when piped."""
    out = console()
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for column in columns:
        numeric = column.startswith("#")
        table.add_column(column.removeprefix("#"), justify="right" if numeric else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    if out.is_terminal:
        out.print(table, soft_wrap=False)
        return
    lines = Console(file=sys.stdout, width=_WIDE, highlight=False)
    with lines.capture() as capture:
        lines.print(table)
    sys.stdout.write("".join(line.rstrip() + "\n" for line in capture.get().splitlines()))


def print_fields(fields: Iterable[tuple[str, str | Text | None]]) -> None:
    """One `name  value` line a field; absent ones are left out."""
    out = console()
    for name, value in fields:
        if value is not None and str(value) != "":
            out.print(Text(f"{name:<16}", style="dim"), value, sep="")


def status_text(status: str) -> Text:
    """A status with its mark and colour: colour never says it alone."""
    return Text(f"{STATUS_MARKS.get(status, '?')} {status}", style=STATUS_STYLES.get(status, ""))


def when(moment: datetime | None) -> str:
    """A time in the reader's zone, to the second."""
    return "" if moment is None else moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def ago(moment: datetime | None, *, now: datetime | None = None) -> str:
    """How long ago, in the one unit that matters: `12 s`, `3 min`, `2 h`, `9 d`; `in 5 s` for what is ahead."""
    if moment is None:
        return ""
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    return f"in {span(-seconds)}" if seconds < 0 else span(seconds)


def span(seconds: float) -> str:
    """A length of time in the one unit that matters."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    text = f"{seconds:.0f}" if seconds >= 10 else f"{seconds:.1f}".removesuffix(".0")
    return f"{text} s"


def one_line(text: str | None, *, most: int = 100) -> str:
    """Folded to one line and cut with an ellipsis."""
    folded = " ".join((text or "").split())
    return folded if len(folded) <= most else folded[: most - 1] + "…"


def error_text(error: object) -> str:
    """The error of an event or attempt for people: its type and message, without the traceback; empty for none."""
    match error:
        case {"type": str(name), "message": str(message)}:
            return f"{name}: {message}" if message else name
        case {"message": str(message)}:
            return message
        case None:
            return ""
        case _:
            return str(error)
