"""The one hierarchy of errors, told apart by what the caller can do about them.

A class that stands for a refusal of the database carries its SQLSTATE; `store` looks the class up by it.
Nothing here knows a driver, HTTP or the command line.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import msgspec
from msgspec import Struct


class ErrorDetail(Struct, frozen=True, kw_only=True):
    """Where a refused request was at fault. The database sends it as the error's DETAIL.

    `ordinal` counts the items of a batch from 1, `field` names a parameter of `jobstream.enqueue`,
    `id` is the job that was there first, `pointer` a JSON pointer inside the field's value.
    """

    ordinal: int | None = None
    field: str | None = None
    id: str | None = None
    pointer: str | None = None


class JobStreamError(Exception):
    """Anything that jobstream raises on purpose. `str(error)` is a sentence for people."""

    sqlstate: ClassVar[str | None] = None

    def __init__(self, message: str = "", *, detail: ErrorDetail | None = None) -> None:
        """`detail` says where in the request the fault lies, if that is known."""
        super().__init__(message or (self.__doc__ or "").strip().splitlines()[0])
        self.detail = detail

    @property
    def message(self) -> str:
        """The sentence for people, without the class's name."""
        return str(self.args[0])

    def for_one(self) -> Self:
        """The same error for one of several callers whom it concerns: no tracebacks shared, no place in a batch."""
        error = type(self).__new__(type(self), *self.args)
        error.__dict__.update(self.__dict__)
        if self.detail is not None:
            error.detail = msgspec.structs.replace(self.detail, ordinal=None)
        return error

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors cross to other processes whatever their `__init__` wants."""
        return _rebuilt, (type(self), self.args, self.__dict__)


class InvalidArgument(JobStreamError):
    """An argument is outside of what is allowed. Correct the request."""

    sqlstate = "JS400"


class NotFound(JobStreamError):
    """There is no such job, or it is somebody else's."""

    sqlstate = "JS404"


class Conflict(JobStreamError):
    """The job is not in a state in which this can be done."""

    sqlstate = "JS409"


class LeaseLost(JobStreamError):
    """The attempt that was named no longer holds the job. Drop the work."""

    sqlstate = "JS410"


class KeyReused(JobStreamError):
    """The idempotency key was used before, with another request."""

    sqlstate = "JS422"


class KeyBusy(JobStreamError):
    """An open transaction holds the idempotency key. Try again."""

    sqlstate = "JS423"


class TooLarge(JobStreamError):
    """A value is over the limit for its size."""

    sqlstate = "JS413"


class Unauthorized(JobStreamError):
    """No credential, or one that is unknown, expired or revoked."""


class Forbidden(JobStreamError):
    """The credential does not reach this far."""


class RateLimited(JobStreamError):
    """Too many requests at a time. Try again later."""

    def __init__(self, message: str = "", *, retry_after: float = 1.0) -> None:
        """`retry_after` in seconds."""
        super().__init__(message)
        self.retry_after = retry_after


class SettingsError(JobStreamError):
    """Settings are missing or wrong. `faults` names every one of them."""

    def __init__(self, faults: Sequence[str]) -> None:
        """`faults`: one sentence each, beginning with the setting's name."""
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


class SchemaOutdated(JobStreamError):
    """The database's schema is not the one that this version needs. Run `jobstream migrate`."""


class DatabaseUnavailable(JobStreamError):
    """The database cannot be reached, or refuses connections just now. Try again."""


class JobFailed(JobStreamError):
    """The job ended in the dead letter queue. `reason` as in the job's lifecycle."""

    def __init__(self, job_id: str, *, reason: str | None, last_error: str | None) -> None:
        """`last_error` is the text that the last attempt left, if there was one."""
        super().__init__(f"job {job_id} failed ({reason}): {last_error or 'no error was left'}")
        self.job_id = job_id
        self.reason = reason
        self.last_error = last_error


class JobCancelled(JobStreamError):
    """The job was cancelled, on request or because a job that it awaits ended otherwise than done."""

    def __init__(self, job_id: str, *, reason: str | None, last_error: str | None) -> None:
        """`last_error` names the awaited job where that was the cause."""
        super().__init__(f"job {job_id} was cancelled ({reason}){': ' + last_error if last_error else ''}")
        self.job_id = job_id
        self.reason = reason
        self.last_error = last_error


def _rebuilt(kind: type[JobStreamError], args: tuple[Any, ...], state: dict[str, Any]) -> JobStreamError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error
