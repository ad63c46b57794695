"""Leases: the verbs of workers, each with the attempt that fences it (contract §1).

Verbs for many rows never raise for one of them.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from jobstream.domain.ids import checked_id
from jobstream.domain.job import ClaimedJob, Lease
from jobstream.domain.payload import encode_payload
from jobstream.domain.worker import Completion, Renewal
from jobstream.errors import ErrorDetail, InvalidArgument, LeaseLost, NotFound
from jobstream.store.pool import Database
from jobstream.store.rows import CLAIM_COLUMNS, ClaimedRows, raw_json

ClaimPosition = Mapping[str, tuple[int, str]]
"""Per queue the (priority, id) behind which the next claim looks first."""

MAX_EMIT_BYTES: Final = 64 * 1024

_CLAIM: Final = f"""
select {CLAIM_COLUMNS}
from jobstream.claim($1::text[], $2::integer, $3::text, $4::float8 * interval '1 second', $5::text::jsonb) as j
"""
_HEARTBEAT: Final = """
select h.id, h.lost, h.cancel_requested
from jobstream.heartbeat($1::text[], $2::integer[], $3::float8 * interval '1 second') as h
"""
_LEASE_OF: Final = "select j.attempt, j.lease_until from jobstream.jobs as j where j.id = $1::text"
_COMPLETE: Final = "select jobstream.complete($1::text, $2::integer, $3::text::jsonb, $4::float8::numeric)"
_COMPLETE_MANY: Final = """
select c.id, c.status, c.lost
from jobstream.complete_many($1::text[], $2::integer[], $3::text[]::jsonb[]) as c
"""
_FAIL: Final = "select jobstream.fail($1::text, $2::integer, $3::text::jsonb, $4::boolean, $5::timestamptz)"
_REJECT: Final = "select jobstream.reject_result($1::text, $2::integer, $3::text)"
_RELEASE: Final = "select jobstream.release($1::text, $2::integer, $3::float8 * interval '1 second')"
_PROGRESS: Final = """
select jobstream.report_progress(
    $1::text, $2::integer, $3::float8::numeric, $4::float8::numeric, $5::text, $6::float8::numeric
)
"""
_LOG: Final = "select jobstream.log($1::text, $2::integer, $3::text, $4::text)"
_EMIT: Final = "select jobstream.emit($1::text, $2::integer, $3::text, $4::text::jsonb)"


class LeaseStore:
    """Claim, renew, report and end attempts."""

    def __init__(self, db: Database) -> None:
        """Statements run on `db`."""
        self._db = db

    async def claim(
        self,
        queues: Sequence[str],
        *,
        limit: int,
        worker: str,
        lease_seconds: float = 30.0,
        after: ClaimPosition | None = None,
    ) -> list[ClaimedJob]:
        """Leases up to `limit` jobs of those queues, in the queues' order, flat and quick to read."""
        position = msgspec.json.encode(after).decode() if after else None
        rows = await self._db.fetch(_CLAIM, list(queues), limit, worker, lease_seconds, position)
        flat = ClaimedRows(lease_seconds).flat
        return [flat(row) for row in rows]

    async def claim_leases(
        self, queues: Sequence[str], *, limit: int, worker: str, lease_seconds: float = 30.0
    ) -> list[Lease]:
        """As `claim`, with the whole job each, for those who are served over HTTP. Free JSON in it is raw."""
        rows = await self._db.fetch(_CLAIM, list(queues), limit, worker, lease_seconds, None)
        claimed = ClaimedRows(lease_seconds)
        return [
            Lease(job=claimed.job(row, raw_json), attempt=row["attempt"], lease_until=row["lease_until"])
            for row in rows
        ]

    async def heartbeat(
        self, ids: Sequence[str], attempts: Sequence[int], *, lease_seconds: float = 30.0
    ) -> list[Renewal]:
        """Renews all leases in one statement; one answer for each id."""
        rows = await self._db.fetch(_HEARTBEAT, list(ids), list(attempts), lease_seconds)
        return [Renewal(*row) for row in rows]

    async def heartbeat_one(
        self, id: str, attempt: int, *, lease_seconds: float = 30.0
    ) -> tuple[datetime, bool]:
        """Renews one lease: until when it holds, and whether cancel was requested. Raises LeaseLost, NotFound."""
        [renewal] = await self.heartbeat([id], [attempt], lease_seconds=lease_seconds)
        # A statement of its own: one that calls a function does not see what the function wrote.
        row = await self._db.fetchrow(_LEASE_OF, checked_id(id))
        if row is None:
            raise NotFound(f"no such job: {id}")
        if renewal.lost or row["lease_until"] is None or row["attempt"] != attempt:
            raise LeaseLost(f"lease lost: attempt {attempt} of job {id} no longer runs")
        return row["lease_until"], renewal.cancel_requested

    async def complete(
        self, id: str, attempt: int, *, result: bytes | str | None = None, cost_usd: float | None = None
    ) -> str:
        """Ends the attempt well; `result` is JSON text. The status after. Raises LeaseLost, NotFound.

        A result that the database cannot store ends the job as `dlq`, `unstorable_result`.
        """
        try:
            return await self._verb(_COMPLETE, id, attempt, _as_text(result), cost_usd)
        except InvalidArgument as error:
            if result is None or (error.detail is not None and error.detail.field != "result"):
                raise
            return await self.reject_result(id, attempt, error.message)

    async def complete_many(
        self, ids: Sequence[str], attempts: Sequence[int], results: Sequence[bytes | str | None]
    ) -> list[Completion]:
        """Ends many attempts well in one statement; one answer for each id, lost ones included.

        A result that the database cannot store ends its own job (`dlq`, `unstorable_result`) and no other.
        """
        texts = None if results.count(None) == len(results) else [_as_text(result) for result in results]
        try:
            rows = await self._db.fetch(_COMPLETE_MANY, list(ids), list(attempts), texts)
        except InvalidArgument as error:
            if texts is None:
                raise
            return await self._complete_parts(ids, attempts, results, error)
        return [Completion(*row) for row in rows]

    async def _complete_parts(
        self,
        ids: Sequence[str],
        attempts: Sequence[int],
        results: Sequence[bytes | str | None],
        error: InvalidArgument,
    ) -> list[Completion]:
        """Finds the result that the parser of jsonb refused by halves, and sets its job aside."""
        if len(ids) == 1:
            try:
                return [
                    Completion(ids[0], await self.reject_result(ids[0], attempts[0], error.message), False)
                ]
            except (LeaseLost, NotFound):
                return [Completion(ids[0], None, True)]
        half = len(ids) // 2
        return [
            *await self.complete_many(ids[:half], attempts[:half], results[:half]),
            *await self.complete_many(ids[half:], attempts[half:], results[half:]),
        ]

    async def fail(
        self,
        id: str,
        attempt: int,
        *,
        error: Any,
        retryable: bool = True,
        retry_at: datetime | None = None,
    ) -> str:
        """Ends the attempt badly; `error` is text or {type, message, traceback}. The status after. Raises LeaseLost.

        NUL characters and lone surrogates in the error are replaced.
        """
        text = msgspec.json.encode(replaced(error)).decode()
        return await self._verb(_FAIL, id, attempt, text, retryable, retry_at)

    async def reject_result(self, id: str, attempt: int, error: str) -> str:
        """Ends an attempt whose result cannot be stored: `dlq`, `unstorable_result`. Raises LeaseLost."""
        return await self._verb(_REJECT, id, attempt, replaced(error))

    async def release(self, id: str, attempt: int, *, delay_seconds: float = 0.0) -> str:
        """Gives the job back without a failure, due after the delay. The status after. Raises LeaseLost."""
        return await self._verb(_RELEASE, id, attempt, delay_seconds)

    async def report_progress(
        self,
        id: str,
        attempt: int,
        *,
        current: float,
        total: float | None = None,
        step: str | None = None,
        cost_usd: float | None = None,
    ) -> bool:
        """Says how far the attempt is; whether cancel was requested. Raises LeaseLost."""
        return bool(
            await self._db.fetchval(_PROGRESS, checked_id(id), attempt, current, total, step, cost_usd)
        )

    async def log(self, id: str, attempt: int, message: str, *, level: str = "info") -> None:
        """Writes a line to the job's events. Raises LeaseLost, InvalidArgument over 8 KiB."""
        await self._verb(_LOG, id, attempt, message, level)

    async def emit(self, id: str, attempt: int, type: str, data: Any = None) -> None:
        """Writes an event of the handler's own type. Raises LeaseLost, InvalidArgument over 64 KiB."""
        text = encode_payload({} if data is None else data, field="data")
        if len(text) > MAX_EMIT_BYTES:
            raise InvalidArgument("data must be at most 64 KiB", detail=ErrorDetail(field="data"))
        await self._verb(_EMIT, id, attempt, type, text.decode())

    async def _verb(self, query: str, id: str, *args: Any) -> str:
        status: str = await self._db.fetchval(query, checked_id(id), *args)
        return status


def replaced(value: Any) -> Any:
    """The value with NUL characters and lone surrogates in its texts replaced by U+FFFD."""
    match value:
        case str():
            return value.replace("\0", "\ufffd").encode("utf-8", "surrogatepass").decode("utf-8", "replace")
        case dict():
            return {replaced(str(name)): replaced(item) for name, item in value.items()}
        case list() | tuple():
            return [replaced(item) for item in value]
    return value


def _as_text(result: bytes | str | None) -> str | None:
    return result.decode() if isinstance(result, bytes) else result
