"""The results of the jobs that a job awaited, as its handler finds them."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from jobstream.errors import DatabaseUnavailable
from jobstream.pacing import Patience
from jobstream.store.reports import ReportStore
from jobstream.store.reports import Upstream as Result


class UpstreamResults(Mapping[str, Any]):
    """Results by id; a step's name finds its result too, but only ids are counted and listed."""

    def __init__(self, rows: Sequence[Result]) -> None:
        """A job without a result has None; one that was deleted meanwhile is missing."""
        self.rows = rows
        self._by_id = {
            row.id: None if row.result is None else msgspec.json.decode(row.result) for row in rows
        }
        self._ids = {row.step: row.id for row in rows if row.step is not None}

    def __getitem__(self, key: str) -> Any:
        """The result of a job, by its id or its step's name."""
        return self._by_id[self._ids.get(key, key)]

    def __iter__(self) -> Iterator[str]:
        """The ids."""
        return iter(self._by_id)

    def __len__(self) -> int:
        """How many jobs."""
        return len(self._by_id)


class Upstream:
    """Reads results, waiting for a database that is away."""

    def __init__(self, *, reports: ReportStore) -> None:
        """Reads through `reports`."""
        self._reports = reports

    async def read(self, ids: Sequence[str]) -> UpstreamResults:
        """Each awaited job's result by its id, and by its step's name where it was a step of a pipeline."""
        return UpstreamResults(await self._rows(ids))

    async def _rows(self, ids: Sequence[str]) -> list[Result]:
        patience = Patience()
        while True:
            try:
                return await self._reports.upstream(ids)
            except DatabaseUnavailable:
                await asyncio.sleep(patience.failed())
