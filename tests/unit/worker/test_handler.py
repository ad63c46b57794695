"""What can be declared, and what is read from a handler's signature."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from jobstream import Backoff, JobContext, JobStream, Retry, Snooze
from jobstream.errors import InvalidArgument


class Point(msgspec.Struct):
    x: int


class Model:
    """As pydantic's models look from outside."""

    def __init__(self, x: int) -> None:
        self.x = x

    @classmethod
    def model_validate(cls, value: dict[str, int]) -> "Model":
        if "x" not in value:
            raise ValueError("x is missing")
        return cls(value["x"])


async def context_only(ctx: JobContext) -> int:
    return 1


async def with_point(ctx: JobContext, args: Point) -> list[Point]:
    return [args]


def in_thread(ctx: JobContext, args: list[int]) -> int:
    return sum(args)


def with_model(ctx: JobContext, args: Model) -> None: ...


def untyped(ctx, args):  # type: ignore[no-untyped-def]
    return args


def too_many(ctx: JobContext, a: int, b: int) -> None: ...


def none() -> None: ...


@pytest.fixture
def app() -> JobStream:
    return JobStream()


def test_a_handler_is_still_its_function(app: JobStream) -> None:
    handler = app.job("sum")(in_thread)
    assert handler(None, [1, 2]) == 3
    assert handler.__name__ == "in_thread" and handler.name == "sum"
    assert repr(handler) == "<job 'sum' in queue 'default'>"


def test_how_it_runs_is_read_from_its_kind_of_function(app: JobStream) -> None:
    assert app.job("a")(context_only).executor == "async"
    assert app.job("b")(in_thread).executor == "thread"


def test_args_and_results_make_the_round_trip(app: JobStream) -> None:
    handler = app.job("point")(with_point)
    assert handler.decode_args(handler.encode_args(Point(1))) == Point(1)
    text = handler.encode_result([Point(2)])
    assert text is not None and handler.decode_result(text) == [Point(2)]


def test_a_handler_of_the_context_alone_has_empty_args(app: JobStream) -> None:
    handler = app.job("alone")(context_only)
    assert handler.encode_args(None) == b"{}"
    assert not handler.takes_args


def test_untyped_args_are_plain_json(app: JobStream) -> None:
    assert app.job("any")(untyped).decode_args('{"a": [1, null]}') == {"a": [1, None]}


def test_models_validate_themselves(app: JobStream) -> None:
    handler = app.job("model")(with_model)
    assert handler.decode_args('{"x": 3}').x == 3
    with pytest.raises(InvalidArgument, match="x is missing"):
        handler.decode_args("{}")


def test_what_does_not_fit_is_named_with_its_place(app: JobStream) -> None:
    with pytest.raises(InvalidArgument, match=r"Expected `int`, got `str` - at `\$\.x`"):
        app.job("point")(with_point).decode_args('{"x": "1"}')


def test_defaults_are_those_of_the_declaration(app: JobStream) -> None:
    handler = app.job(
        "sum", queue="q", priority=-1, max_attempts=7, timeout=timedelta(minutes=1), backoff={"type": "fixed"}
    )(in_thread)
    assert (handler.queue, handler.priority, handler.max_attempts) == ("q", -1, 7)
    assert (handler.timeout, handler.backoff) == (60.0, Backoff(type="fixed"))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("", {}, "a job's name begins"),
        ("a b", {}, "a job's name begins"),
        ("ok", {"queue": "-"}, "the queue of job 'ok' begins"),
        ("ok", {"max_attempts": 0}, "max_attempts"),
        ("ok", {"timeout": 0}, "timeout"),
        ("ok", {"priority": 2**31}, "priority"),
    ],
)
def test_what_cannot_be_declared_is_refused_at_once(
    app: JobStream, name: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        app.job(name, **options)(context_only)


@pytest.mark.parametrize("function", [too_many, none])
def test_a_function_that_cannot_be_called_with_context_and_args_is_refused(
    app: JobStream, function: Any
) -> None:
    with pytest.raises(TypeError, match="a handler takes"):
        app.job("bad")(function)


def test_an_async_function_cannot_run_in_a_thread(app: JobStream) -> None:
    with pytest.raises(TypeError, match="event loop"):
        app.job("bad", executor="thread")(context_only)


def test_a_name_is_declared_once(app: JobStream) -> None:
    app.job("same")(context_only)
    with pytest.raises(ValueError, match="declared twice"):
        app.job("same")(in_thread)


def test_schedules_stand_above_jobs(app: JobStream) -> None:
    app.schedule("0 3 * * *", timezone="Europe/Rome")(app.job("nightly")(context_only))
    schedule = app.schedules["nightly"]
    assert (schedule.cron, schedule.timezone) == ("0 3 * * *", "Europe/Rome")
    assert schedule.spec == {"kind": "nightly", "queue": "default"}


@pytest.mark.parametrize(("cron", "timezone"), [("99 * * * *", "UTC"), ("* * * * *", "Europe/Atlantis")])
def test_a_schedule_that_never_comes_is_refused(app: JobStream, cron: str, timezone: str) -> None:
    with pytest.raises(ValueError, match="is no"):
        app.schedule(cron, timezone=timezone)


def test_delays_are_seconds_or_timedeltas() -> None:
    assert Retry(timedelta(minutes=1)).delay == 60 and Snooze(2).delay == 2 and Retry().delay is None


@pytest.mark.parametrize("delay", [-1, float("nan"), float("inf")])
def test_a_delay_is_never_negative_or_without_end(delay: float) -> None:
    with pytest.raises(ValueError, match="a delay is"):
        Snooze(delay)
