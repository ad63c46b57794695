"""A declared job: its function, the defaults it is enqueued with, and how its arguments and result are read and written."""

import re
from collections.abc import Callable, Sequence
from functools import update_wrapper
from typing import Any, Generic, Literal, TypeVar

from msgspec import Struct

from jobstream.domain.backoff import Backoff
from jobstream.worker.middleware import Middleware, check_middleware
from jobstream.worker.payloads import Codec, read_signature

ArgsT = TypeVar("ArgsT")
ResultT = TypeVar("ResultT")

ExecutorKind = Literal["async", "thread", "process"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}\Z")


class JobOptions(Struct, frozen=True, kw_only=True):
    """What a job is enqueued with unless the caller says otherwise. `timeout` in seconds, for one attempt."""

    queue: str = "default"
    priority: int = 0
    max_attempts: int = 3
    timeout: float | None = None
    backoff: Backoff | None = None


class Handler(Generic[ArgsT, ResultT]):
    """What `@app.job` makes of a function. Calling it calls the function, as tests like to do."""

    __name__: str

    def __init__(
        self,
        name: str,
        function: Callable[..., Any],
        options: JobOptions,
        *,
        executor: ExecutorKind | None = None,
        middleware: Sequence[Middleware] = (),
        around: Sequence[Middleware] = (),
    ) -> None:
        """`middleware` is this job's own; `around` is its application's, which may yet grow.

        Raises ValueError or TypeError for a name, options or a signature that cannot work.
        """
        signature = read_signature(function)
        self.name = check_name(name, "a job's name")
        self.options = _checked(options, name)
        self.executor = _executor(executor, function, signature.is_async, name)
        self.function = function
        self.takes_args = signature.takes_args
        self.args_type = signature.args_type
        self.result_type = signature.result_type
        self._args = Codec(signature.args_type)
        self._result = Codec(signature.result_type)
        self._around = around
        self._middleware = tuple(check_middleware(layer) for layer in middleware)
        update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The function itself."""
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        """For people."""
        return f"<job {self.name!r} in queue {self.queue!r}>"

    @property
    def queue(self) -> str:
        """The queue it goes to unless the caller names another."""
        return self.options.queue

    @property
    def priority(self) -> int:
        """Smaller runs first."""
        return self.options.priority

    @property
    def max_attempts(self) -> int:
        """How many failures end it."""
        return self.options.max_attempts

    @property
    def backoff(self) -> Backoff | None:
        """None for the default of the database."""
        return self.options.backoff

    @property
    def timeout(self) -> float | None:
        """Seconds an attempt may take; None for no bound."""
        return self.options.timeout

    @property
    def middleware(self) -> tuple[Middleware, ...]:
        """What is wrapped around each attempt, outermost first: the application's, then the job's own."""
        return (*self._around, *self._middleware)

    @property
    def args_name(self) -> str:
        """The name of the arguments' type, for people."""
        return self._args.name

    def encode_args(self, args: ArgsT) -> bytes:
        """The arguments as JSON. Raises InvalidArgument, TooLarge."""
        if args is None and not self.takes_args:
            return b"{}"
        return self._args.encode(args, field="args")

    def decode_args(self, text: bytes | str) -> ArgsT:
        """The arguments from JSON. Raises InvalidArgument where they do not fit the annotation."""
        value: ArgsT = self._args.decode(text)
        return value

    def encode_result(self, value: ResultT) -> bytes | None:
        """The result as JSON, None for none. Raises InvalidArgument, TooLarge."""
        if value is None:
            return None
        return self._result.encode(value, field="result")

    def decode_result(self, text: bytes | str) -> ResultT:
        """The result from JSON, by the return annotation. Raises InvalidArgument."""
        value: ResultT = self._result.decode(text)
        return value


def check_name(name: str, what: str) -> str:
    """The name, if it can be a kind or a queue (contract §1)."""
    if not _NAME.match(name):
        raise ValueError(
            f"{what} begins with a letter or digit and has up to 128 of letters, digits and _.:-, not {name!r}"
        )
    return name


def _checked(options: JobOptions, name: str) -> JobOptions:
    check_name(options.queue, f"the queue of job {name!r}")
    if options.max_attempts < 1:
        raise ValueError(f"job {name!r}: max_attempts is 1 or more, not {options.max_attempts}")
    if options.timeout is not None and not 0 < options.timeout < float("inf"):
        raise ValueError(f"job {name!r}: timeout is a number of seconds above 0, not {options.timeout}")
    if not -(2**31) <= options.priority < 2**31:
        raise ValueError(f"job {name!r}: priority is a 32-bit number, not {options.priority}")
    return options


def _executor(
    asked: ExecutorKind | None, function: Callable[..., Any], is_async: bool, name: str
) -> ExecutorKind:
    if asked is None:
        return "async" if is_async else "thread"
    if is_async != (asked == "async"):
        raise TypeError(f"job {name!r}: `async def` runs in the event loop, `def` in a thread or process")
    place = getattr(function, "__qualname__", "<no name>")
    if asked == "process" and "<" in place:
        raise TypeError(f"job {name!r}: another process only finds what a module defines, not {place}")
    return asked
