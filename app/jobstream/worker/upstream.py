"""The results of the jobs that a job awaited, as its handler finds them."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from jobstream.errors import DatabaseUnavailable
from jobstream.pacing import Patience
from jobstream.store.reports import ReportStore
from jobstream.store.reports import Upstream as Result


class Upstream:
    """Reads results, waiting for a database that is away."""

    def __init__(self, *, reports: ReportStore) -> None:
        """Reads through `reports`."""
        self._reports = reports

    async def read(self, ids: Sequence[str]) -> Mapping[str, Any]:
        """Each awaited job's result by its id, and by its step's name where it was a step of a pipeline.

        A job without a result has None; one that was deleted meanwhile is missing.
        """
        results: dict[str, Any] = {}
        for row in await self._rows(ids):
            value = None if row.result is None else msgspec.json.decode(row.result)
            results[row.id] = value
            if row.step is not None:
                results[row.step] = value
        return results

    async def _rows(self, ids: Sequence[str]) -> list[Result]:
        patience = Patience()
        while True:
            try:
                return await self._reports.upstream(ids)
            except DatabaseUnavailable:
                await asyncio.sleep(patience.failed())
