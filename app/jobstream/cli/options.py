"""Options and parameter types that several commands share."""

import asyncio
import functools
import re
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import msgspec
import rich_click as click

if TYPE_CHECKING:
    from click import ParamType
else:

    class ParamType(click.ParamType):
        """Generic by its value's type in newer releases of click only."""

        def __class_getitem__(cls, item: object) -> type:
            return cls


__all__ = ["JsonValue", "Label", "Names", "ParamType", "Span", "as_async", "examples", "json_option"]

P = ParamSpec("P")
R = TypeVar("R")

_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|min|h|d)?\Z")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400, None: 1}


class Span(ParamType[float]):
    """A length of time: seconds, or a number with ms, s, m, h or d."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds."""
        if isinstance(value, int | float):
            return float(value)
        found = _SPAN.match(str(value).strip())
        if found is None:
            self.fail(f"{value!r} is no length of time; write 90, 90s, 5m, 2h or 7d", param, ctx)
        return float(found[1]) * _SECONDS[found[2]]


class JsonValue(ParamType[Any]):
    """A JSON value, `@FILE` with one, or `-` for standard input."""

    name = "JSON"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The decoded value."""
        if not isinstance(value, str):
            return value
        try:
            return msgspec.json.decode(_text_of(value))
        except OSError as error:
            self.fail(f"cannot read {value[1:]}: {error.strerror}", param, ctx)
        except (msgspec.DecodeError, UnicodeError) as error:
            self.fail(f"this is no JSON: {error}", param, ctx)


def _text_of(value: str) -> str:
    if value == "-":
        return sys.stdin.read()
    return Path(value[1:]).read_text() if value.startswith("@") else value


class Label(ParamType[tuple[str, str]]):
    """A label: a name and a value with `=` between them."""

    name = "NAME=VALUE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Name and value."""
        if isinstance(value, tuple):
            return value
        name, equals, text = str(value).partition("=")
        if not name or not equals:
            self.fail(f"{value!r} is no NAME=VALUE", param, ctx)
        return name, text


class Names(ParamType[list[str]]):
    """A list of names with commas between them."""

    name = "NAME,…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
        """The names, without blanks around them."""
        if isinstance(value, list):
            return value
        names = [name.strip() for name in str(value).split(",")]
        if not all(names):
            self.fail(f"{value!r} has an empty name in it", param, ctx)
        return names


json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON: one object, or one array for a list."
)


def examples(*lines: str) -> str:
    """The epilog of a command: examples, each on its line."""
    return "\n\n".join(("Examples:", *lines))


def as_async(function: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, R]:
    """Run a command that is a coroutine; Ctrl-C cancels it, and it can clean up."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        return asyncio.run(function(*args, **kwargs))

    return run
