"""Schedules in the page: in words, run now, paused, deleted."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.site import Site, serious
from tests.support.waiting import eventually_sync

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_schedule_is_read_run_paused_and_deleted(site: Site, page: Page) -> None:
    spec = '{"kind": "noop", "queue": "bulk"}'
    site.sql("select jobstream.put_schedule('nightly', '0 3 * * *', 'Europe/Rome', %s::jsonb)", spec)
    page.goto(f"{site.url}#/schedules")
    card = page.get_by_role("region", name="nightly")
    expect(card).to_contain_text("03:00")
    assert serious(page) == []
    card.get_by_role("button", name="Run now").click()
    eventually_sync(
        lambda: site.sql("select trigger, triggered_by from jobstream.jobs") == [("schedule", "nightly")]
    )
    card.get_by_role("button", name="Pause").click()
    expect(card).to_contain_text("paused")
    assert site.sql("select paused, cron from jobstream.schedules") == [(True, "0 3 * * *")]
    card.get_by_role("button", name="Resume").click()
    expect(card).not_to_contain_text("paused")
    card.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete schedule").click()
    expect(page.get_by_text("No schedules")).to_be_visible()
