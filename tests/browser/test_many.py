"""What is done to many jobs at once: to those selected, to all that match, to those of one cause."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.site import Site, Watch
from tests.support.waiting import eventually_sync

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_selected_jobs_are_cancelled(site: Site, page: Page) -> None:
    ids = [site.enqueue("resize") for _ in range(3)]
    page.goto(f"{site.url}#/jobs")
    [(over,)] = site.sql("select id from jobstream.enqueue('resize')")
    site.sql("select jobstream.cancel(%s)", over)
    rows = page.locator(".window-body .row")
    expect(rows.filter(has_text="cancelled")).to_have_count(1)
    for id in [*ids[:2], over]:
        page.get_by_role("checkbox", name=f"Select resize {id}").check()
    # The buttons count what they will touch, and what is undone is what they touched.
    expect(page.get_by_role("button", name="Retry 1 job")).to_be_visible()
    page.get_by_role("button", name="Cancel 2 jobs").click()
    eventually_sync(lambda: [site.status(id) for id in ids] == ["cancelled", "cancelled", "pending"])
    expect(rows.filter(has_text="cancelled")).to_have_count(3)
    page.get_by_role("button", name="Undo").click()
    eventually_sync(lambda: [site.status(id) for id in ids] == ["pending"] * 3)
    assert site.status(over) == "cancelled"


def test_everything_that_matches_is_cancelled_after_a_preview(site: Site, page: Page) -> None:
    site.sql("select jobstream.enqueue('resize', queue => 'images') from generate_series(1, 340)")
    site.enqueue("noop", "bulk")
    page.goto(f"{site.url}#/jobs?queue=images")
    page.get_by_role("button", name="Select all that match").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("340 jobs")
    expect(dialog).to_contain_text("jobstream.cancel_where")
    dialog.get_by_role("button", name="Cancel 340 jobs").click()
    expect(dialog).to_contain_text("340 jobs done", timeout=20_000)
    assert site.sql("select status, count(*) from jobstream.jobs group by 1 order by 1") == [
        ("cancelled", 340),
        ("pending", 1),
    ]
    dialog.get_by_role("button", name="Close").last.click()
    page.goto(f"{site.url}#/activity")
    expect(page.get_by_text("bulk cancel: 340 of 340 jobs")).to_be_visible()


def test_bulk_operation_is_followed_over_its_stream_and_never_asked_for(
    site: Site, watch: tuple[Page, Watch]
) -> None:
    page, seen = watch
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    site.sql("select jobstream.enqueue('resize', queue => 'images') from generate_series(1, 1500)")
    page.goto(f"{site.url}#/jobs?queue=images")
    page.get_by_role("button", name="Select all that match").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Cancel 1,500 jobs").click()
    expect(dialog).to_contain_text("1,500 jobs done", timeout=20_000)
    dialog.get_by_role("button", name="Close").last.click()
    page.get_by_role("button", name="Select all that match").click()
    dialog.get_by_role("button", name="Delete", exact=True).click()
    dialog.get_by_role("button", name="Delete 1,500 jobs").click()
    expect(dialog).to_contain_text("1,500 jobs done", timeout=20_000)
    dialog.get_by_role("button", name="Close").last.click()
    expect(page.get_by_text("No job matches")).to_be_visible()
    of_bulk = [url for url in asked if "/bulk/0" in url]
    assert len(of_bulk) == 2
    assert all("/events" in url for url in of_bulk)
    assert len([url for url in seen.streams if "/bulk/" in url]) == 2


def test_dead_letters_of_one_cause_are_retried_together(site: Site, page: Page) -> None:
    site.work()
    ids = [site.enqueue("explode", message="codec av1 is missing") for _ in range(3)]
    eventually_sync(lambda: all(site.status(id) == "dlq" for id in ids))
    page.goto(f"{site.url}#/dead")
    group = page.get_by_role("region", name="3 of explode")
    expect(group).to_contain_text("ValueError: codec av1 is missing")
    group.get_by_role("button", name="Retry 3 jobs").click()
    page.get_by_role("dialog").get_by_role("button", name="Retry 3 jobs").click()
    expect(page.get_by_role("dialog")).to_contain_text("3 jobs done", timeout=20_000)
    eventually_sync(lambda: site.sql("select min(attempt) from jobstream.jobs") == [(2,)])
