"""Schedules in the page: made, changed, in words, run now, paused, deleted."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.site import Site, Watch, serious
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


def test_schedule_is_made_in_words_and_changed(site: Site, watch: tuple[Page, Watch]) -> None:
    page, seen = watch
    page.goto(f"{site.url}#/schedules")
    page.get_by_role("button", name="New schedule").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill("nightly")
    dialog.get_by_label("When").fill("30 3 * * mon-fry")
    expect(dialog.get_by_role("status")).to_contain_text("no cron expression")
    dialog.get_by_label("Kind").fill("noop")
    seen.expected.append("status of 400")
    dialog.get_by_role("button", name="Make schedule").click()
    expect(dialog.get_by_role("alert")).to_contain_text("cron")
    dialog.get_by_label("When").fill("30 3 * * mon-fri")
    expect(dialog.get_by_role("status")).to_contain_text("Monday through Friday")
    dialog.get_by_label("Time zone").fill("Europe/Rome")
    dialog.get_by_label("Arguments").fill('{"of": "yesterday"}')
    dialog.get_by_text("Retries, priority and more").click()
    dialog.get_by_label("Attempts").fill("5")
    assert serious(page) == []
    dialog.get_by_role("button", name="Make schedule").click()
    card = page.get_by_role("region", name="nightly")
    expect(card).to_contain_text("03:30 on Monday through Friday")
    assert site.sql(READ) == [("30 3 * * mon-fri", "Europe/Rome", {"of": "yesterday"}, 5)]
    site.sql('update jobstream.schedules set spec = spec || \'{"triggered_by": "audit"}\'')
    page.reload()
    card.get_by_role("button", name="Edit").click()
    dialog.get_by_role("button", name="every hour").click()
    dialog.get_by_role("button", name="Change schedule").click()
    expect(card).to_contain_text("every hour")
    # What was not touched stays as it was, also what the form knows nothing of.
    assert site.sql("select cron, spec ->> 'triggered_by' from jobstream.schedules") == [
        ("0 * * * *", "audit")
    ]


READ = "select cron, timezone, spec -> 'args', (spec -> 'max_attempts')::int from jobstream.schedules"
