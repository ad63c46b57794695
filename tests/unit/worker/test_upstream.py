"""Results of awaited jobs."""

import pytest

from jobstream.store.reports import Upstream
from jobstream.worker.upstream import UpstreamResults

RESULTS = UpstreamResults([Upstream("A", "fetch", '{"n": 1}'), Upstream("B", None, None)])


def test_a_result_is_found_by_id_and_by_step() -> None:
    assert RESULTS["A"] == RESULTS["fetch"] == {"n": 1}
    assert "fetch" in RESULTS and "parse" not in RESULTS


def test_each_job_counts_once() -> None:
    assert dict(RESULTS) == {"A": {"n": 1}, "B": None}


def test_a_job_that_is_gone_is_missing() -> None:
    with pytest.raises(KeyError):
        RESULTS["C"]
