"""Leases: the verbs of workers, each with the attempt that fences it (contract §1).

Verbs for many rows never raise for one of them.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from jobstream.domain.job import ClaimedJob, Lease, Outcome
from jobstream.domain.worker import Completion, Failure, Note, Release, Renewal
from jobstream.store.pool import Database

ClaimPosition = Mapping[str, tuple[int, str]]
"""Per queue the (priority, id) behind which the next claim looks first."""


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
        raise NotImplementedError

    async def claim_leases(
        self, queues: Sequence[str], *, limit: int, worker: str, lease_seconds: float = 30.0
    ) -> list[Lease]:
        """As `claim`, with the whole job each, for those who are served over HTTP."""
        raise NotImplementedError

    async def heartbeat(
        self, ids: Sequence[str], attempts: Sequence[int], *, lease_seconds: float = 30.0
    ) -> list[Renewal]:
        """Renews all leases in one statement; one answer for each id."""
        raise NotImplementedError

    async def heartbeat_one(
        self, id: str, attempt: int, *, lease_seconds: float = 30.0
    ) -> tuple[datetime, bool]:
        """Renews one lease: until when it holds, and whether cancel was requested. Raises LeaseLost, NotFound."""
        raise NotImplementedError

    async def complete(
        self, id: str, attempt: int, *, result: bytes | str | None = None, cost_usd: float | None = None
    ) -> str:
        """Ends the attempt well; `result` is JSON text. The status after. Raises LeaseLost, NotFound."""
        raise NotImplementedError

    async def complete_many(
        self, ids: Sequence[str], attempts: Sequence[int], results: Sequence[bytes | str | None]
    ) -> list[Completion]:
        """Ends many attempts well in one statement; one answer for each id, lost ones included.

        A result that the database cannot store ends its own job (`dlq`, `unstorable_result`) and no other.
        """
        raise NotImplementedError

    async def fail(
        self,
        id: str,
        attempt: int,
        *,
        error: Any,
        retryable: bool = True,
        retry_at: datetime | None = None,
    ) -> str:
        """Ends the attempt badly; `error` is text or {type, message, traceback}. The status after. Raises LeaseLost."""
        raise NotImplementedError

    async def fail_many(self, failures: Sequence[Failure]) -> list[Outcome]:
        """Ends many attempts badly in one statement: all, or none and the first one's error is raised."""
        raise NotImplementedError

    async def release_many(self, releases: Sequence[Release]) -> list[Outcome]:
        """Gives many jobs back in one statement: all, or none and the first one's error is raised."""
        raise NotImplementedError

    async def append(self, notes: Sequence[Note]) -> frozenset[str]:
        """Writes many jobs' progress, logs and events in one statement, each job's in order: all or none.

        The ids of those whose cancel was requested.
        """
        raise NotImplementedError

    async def upstream(self, ids: Sequence[str]) -> dict[str, tuple[str | None, str | None]]:
        """The awaited jobs' pipeline step and result (JSON text, None where there is none), by id."""
        raise NotImplementedError

    async def reject_result(self, id: str, attempt: int, error: str) -> str:
        """Ends an attempt whose result cannot be stored: `dlq`, `unstorable_result`. Raises LeaseLost."""
        raise NotImplementedError

    async def release(self, id: str, attempt: int, *, delay_seconds: float = 0.0) -> str:
        """Gives the job back without a failure, due after the delay. The status after. Raises LeaseLost."""
        raise NotImplementedError

    async def report_progress(
        self,
        id: str,
        attempt: int,
        *,
        current: float,
        total: float | None = None,
        step: str | None = None,
    ) -> bool:
        """Says how far the attempt is; whether cancel was requested. Raises LeaseLost."""
        raise NotImplementedError

    async def report_cost(self, id: str, attempt: int, cost_usd: float) -> None:
        """Sets what the job cost so far. Raises LeaseLost."""
        raise NotImplementedError

    async def log(self, id: str, attempt: int, message: str, *, level: str = "info") -> None:
        """Writes a line to the job's events. Raises LeaseLost, InvalidArgument over 8 KiB."""
        raise NotImplementedError

    async def emit(self, id: str, attempt: int, type: str, data: Any = None) -> None:
        """Writes an event of the handler's own type. Raises LeaseLost, InvalidArgument."""
        raise NotImplementedError
