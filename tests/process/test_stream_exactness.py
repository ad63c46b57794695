"""Every client gets every event that it asked for, once, each job's in order, whatever is cut (contract §3)."""

import random
import sys

import pytest

from tests.streams.storm import Storm
from tests.support import Connect

PLAIN_IDS = (sys.executable, "-m", "tests.streams.plain_ids")


@pytest.mark.slow
@pytest.mark.timeout(0)
async def test_every_client_gets_every_event_once_and_each_jobs_in_order(
    database_url: str, connect: Connect, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    """30 s of it; more by `--minutes N`, the same again by `--seed S`."""
    seed = request.config.getoption("--seed") or random.randrange(10**6)
    seconds = 60 * (request.config.getoption("--minutes") or 0.5)
    with capsys.disabled():
        print(f"\nseed {seed}", flush=True)
        figures = await Storm(url=database_url, connect=connect, seed=seed).run(seconds)
        print(figures)
    assert [verdict for verdict in figures.verdicts if not verdict.exact] == []
    assert figures.events > 5 * seconds
    assert figures.killed


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_the_same_with_a_plain_id_for_a_cursor_loses_events(
    database_url: str, connect: Connect, capsys: pytest.CaptureFixture[str]
) -> None:
    """The test of the test above: only what a cursor is has changed."""
    storm = Storm(url=database_url, connect=connect, seed=1, commands=(PLAIN_IDS, PLAIN_IDS), restarts=False)
    figures = await storm.run(8)
    with capsys.disabled():
        print(f"\nplain ids: {figures}")
    assert figures.sum("lost") > 0
