"""What people do in the page happens in the queue."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.site import Site, serious
from tests.support.waiting import eventually_sync

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_waiting_job_is_cancelled_and_the_cancel_undone(site: Site, page: Page) -> None:
    id = site.enqueue("resize")
    page.goto(f"{site.url}#/jobs/{id}")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("region", name="Timeline")).to_contain_text("cancelled by local")
    assert site.status(id) == "cancelled"
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("region", name="Timeline")).to_contain_text("retried by local")
    assert site.status(id) == "pending"


def test_running_job_is_asked_to_stop(site: Site, page: Page) -> None:
    site.work()
    id = site.enqueue("resize", steps=600, pause=0.1)
    page.goto(f"{site.url}#/jobs/{id}")
    expect(page.get_by_role("button", name="Ask to stop")).to_be_enabled()
    page.keyboard.press("c")
    timeline = page.get_by_role("region", name="Timeline")
    expect(timeline).to_contain_text("asked to stop by local")
    expect(timeline).to_contain_text("cancelled", timeout=20_000)
    assert site.status(id) == "cancelled"


def test_job_is_rescheduled_and_made_due_and_each_is_undone(site: Site, page: Page) -> None:
    [(id,)] = site.sql("select id from jobstream.enqueue('noop', delay => '2 h')")
    when = "select scheduled_at, status from jobstream.jobs where id = %s"
    [(due, _)] = site.sql(when, id)
    page.goto(f"{site.url}#/jobs/{id}")
    page.get_by_role("button", name="Reschedule").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="in 1 d").click()
    expect(dialog).to_contain_text("in 23 h")
    assert serious(page) == []
    statement = dialog.locator("pre").inner_text()
    dialog.get_by_role("button", name="Reschedule job").click()
    eventually_sync(lambda: site.sql(when, id)[0][0] != due)
    [(chosen, _)] = site.sql(when, id)
    expect(page.get_by_role("region", name="Timeline")).to_contain_text("changed schedule by local")
    page.get_by_role("button", name="Undo").click()
    eventually_sync(lambda: site.sql(when, id) == [(due, "waiting")])
    site.sql(statement)
    assert site.sql(when, id)[0][0] == chosen
    page.get_by_role("button", name="Run now").click()
    eventually_sync(lambda: site.status(id) == "pending")
    page.get_by_role("button", name="Undo").click()
    eventually_sync(lambda: site.sql(when, id) == [(chosen, "waiting")])


def test_new_job_form_points_at_what_is_wrong_and_makes_the_job(site: Site, page: Page) -> None:
    page.goto(site.url)
    page.get_by_role("button", name="New job").click()
    dialog = page.get_by_role("dialog")
    # A press that begins in a field and ends beside the dialog selects text and closes nothing.
    dialog.get_by_label("Queue").hover()
    page.mouse.down()
    page.mouse.move(5, 5)
    page.mouse.up()
    dialog.get_by_label("Kind").fill("resize now")
    dialog.get_by_label("Arguments").fill('{"steps": 2')
    dialog.get_by_role("button", name="Create job").click()
    expect(dialog.get_by_role("alert")).to_be_visible()
    dialog.get_by_label("Arguments").fill('{"steps": 2}')
    dialog.get_by_label("Kind").fill("resize")
    dialog.get_by_label("Queue").fill("images")
    dialog.get_by_label("Labels").fill("team:shop")
    dialog.get_by_role("button", name="Create job").click()
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_role("heading", name="resize")).to_be_visible()
    assert site.sql("select kind, queue, args, labels from jobstream.jobs") == [
        ("resize", "images", {"steps": 2}, {"team": "shop"})
    ]


def test_queue_is_paused_limited_and_resumed(site: Site, page: Page) -> None:
    site.enqueue("resize")
    page.goto(f"{site.url}#/queues")
    row = page.get_by_role("row").filter(has_text="images")
    row.get_by_role("button", name="Pause").click()
    expect(row).to_contain_text("paused by local")
    row.get_by_role("button", name="Limits of images").click()
    page.get_by_label("Most running at once").fill("3")
    page.get_by_label("Most claims").fill("100")
    page.get_by_role("button", name="Set limits").click()
    expect(page.get_by_role("alert")).to_contain_text("fill in both, or neither")
    page.get_by_label("Most claims").fill("")
    page.get_by_role("button", name="Set limits").click()
    expect(row).to_contain_text("3 running")
    row.get_by_role("button", name="Resume").click()
    expect(row).not_to_contain_text("paused")
    assert site.sql("select paused, max_running from jobstream.queues where name = 'images'") == [(False, 3)]


def test_clone_keeps_what_the_job_was_and_takes_what_is_edited(site: Site, page: Page) -> None:
    backoff = '{"type": "fixed", "base": 7, "max": 9, "jitter": 0}'
    [(id,)] = site.sql(
        """
        select id from jobstream.enqueue(
            'resize', '{"steps": 3}', queue => 'images', priority => -2, max_attempts => 6, backoff => %s::jsonb,
            timeout_seconds => 60, labels => '{"team": "shop"}', concurrency_key => 'cdn', owner => 'anna', mode => 'fast'
        )
        """,
        backoff,
    )
    page.goto(f"{site.url}#/jobs/{id}")
    page.get_by_role("button", name="Clone and edit").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Arguments").fill('{"steps": 4}')
    dialog.get_by_text("The same in SQL").click()
    statement = dialog.locator("pre").inner_text()
    dialog.get_by_role("button", name="Create job").click()
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_role("region", name="Arguments")).to_contain_text("4")
    site.sql(statement)
    was, made, typed = site.sql(
        """
        select queue, priority, max_attempts, backoff, timeout_seconds, labels, concurrency_key, owner, mode, args -> 'steps'
        from jobstream.jobs order by id
        """
    )
    assert made[:-1] == typed[:-1] == was[:-1]
    assert (made[-1], typed[-1]) == (4, 4)
