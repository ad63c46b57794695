"""The one place where a SQLSTATE becomes an error of ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg
import msgspec

from jobstream import errors
from jobstream.errors import ErrorDetail, JobStreamError

COLLISIONS: Final = frozenset({"40P01", "40001"})
"""Deadlock's victim, serialization failure: a single statement is simply run again."""

_BY_STATE: Final[dict[str, type[JobStreamError]]] = {
    "JS400": errors.InvalidArgument,
    "JS404": errors.NotFound,
    "JS409": errors.Conflict,
    "JS410": errors.LeaseLost,
    "JS413": errors.TooLarge,
    "JS422": errors.KeyReused,
    "JS423": errors.KeyBusy,
    "42501": errors.Forbidden,
    "28000": errors.DatabaseUnavailable,
    "28P01": errors.DatabaseUnavailable,
    "3D000": errors.DatabaseUnavailable,
    "3F000": errors.SchemaOutdated,
    "42P01": errors.SchemaOutdated,
    "42703": errors.SchemaOutdated,
    "42704": errors.SchemaOutdated,
    "42883": errors.SchemaOutdated,
    "25006": errors.DatabaseUnavailable,  # a standby, or a primary that was demoted
    "55006": errors.DatabaseUnavailable,
    "55P03": errors.DatabaseUnavailable,
    **dict.fromkeys(COLLISIONS, errors.DatabaseUnavailable),
}
_BY_CLASS: Final[dict[str, type[JobStreamError]]] = {
    "08": errors.DatabaseUnavailable,
    "22": errors.InvalidArgument,
    "53": errors.DatabaseUnavailable,
    "54": errors.InvalidArgument,  # nested too deep, or too large for jsonb
    "57": errors.DatabaseUnavailable,
}


_CLOSED: Final = ("connection is closed", "was closed", "pool is clos", "released back to the pool")


def is_collision(error: asyncpg.PostgresError) -> bool:
    """Whether the statement failed only because of a rival."""
    return error.sqlstate in COLLISIONS


def error_class(sqlstate: str | None) -> type[JobStreamError] | None:
    """The class that stands for a SQLSTATE; None where it can only be a fault of ours."""
    state = sqlstate or ""
    return _BY_STATE.get(state) or _BY_CLASS.get(state[:2])


def error_of(sqlstate: str | None, message: str, detail: str | None) -> JobStreamError | None:
    """The error that a refusal of the database means; None where it can only be a fault of ours."""
    known = error_class(sqlstate)
    if known is errors.SchemaOutdated:
        message = f"{message}: this needs the schema of this version, run `jobstream migrate`"
    return None if known is None else known(message, detail=_detail(sqlstate, detail))


@contextmanager
def mapped_errors() -> Iterator[None]:
    """Raises the driver's errors as ours, by SQLSTATE; lets all others through.

    Our own codes have no class in the driver (it raises UnknownPostgresError): only the SQLSTATE tells them apart.
    """
    try:
        yield
    except asyncpg.PostgresError as error:
        known = error_of(error.sqlstate, error.message or str(error), error.detail)
        if known is None:
            raise
        raise known from error
    except asyncpg.InterfaceError as error:
        # The driver has one class for these and for misuse.
        if any(sign in str(error) for sign in _CLOSED):
            raise errors.DatabaseUnavailable(str(error)) from error
        raise
    except (OSError, TimeoutError, asyncpg.InternalClientError) as error:
        raise errors.DatabaseUnavailable(f"cannot reach the database: {str(error) or 'no answer'}") from error


def _detail(sqlstate: str | None, text: str | None) -> ErrorDetail | None:
    if not text or not (sqlstate or "").startswith("JS"):
        return None
    try:
        return msgspec.json.decode(text, type=ErrorDetail)
    except msgspec.DecodeError:
        return None
