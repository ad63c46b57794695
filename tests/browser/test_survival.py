"""The page is true, also after what goes wrong."""

import time

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.site import Site, Watch, visitor
from tests.support.waiting import eventually_sync

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_server_is_killed_and_comes_back_and_the_page_shows_the_truth(
    site: Site, watch: tuple[Page, Watch]
) -> None:
    page, seen = watch
    kept, gone = site.enqueue("resize"), site.enqueue("noop")
    page.goto(f"{site.url}#/jobs")
    rows = page.locator(".window-body .row")
    expect(rows).to_have_count(2)
    expect(page.locator(".live")).to_have_text("live")
    page.evaluate("window.sameDocument = true")
    seen.down = True
    site.kill()
    expect(page.get_by_text("reconnecting, last heard")).to_be_visible()
    expect(page.get_by_text("The connection is lost")).to_be_visible()
    # Behind the page's back, while nobody serves it:
    site.sql("select jobstream.cancel(%s)", kept)
    site.sql("select jobstream.cancel(%s)", gone)
    site.sql("delete from jobstream.jobs where id = %s", gone)
    site.sql("select jobstream.enqueue('late')")
    site.start()
    expect(page.locator(".live")).to_have_text("live", timeout=25_000)
    expect(page.get_by_text("The connection is lost")).to_have_count(0)
    expect(rows).to_have_count(2)
    expect(rows.filter(has_text="late")).to_contain_text("pending")
    expect(rows.filter(has_text="resize")).to_contain_text("cancelled")
    assert page.evaluate("window.sameDocument") is True


def test_tabs_share_one_connection_and_one_takes_over_from_the_other(browser: Browser, site: Site) -> None:
    with visitor(browser, site) as (context, seen):
        first, second = context.new_page(), context.new_page()
        for page in (first, second):
            page.goto(f"{site.url}#/jobs")
            expect(page.locator(".live")).to_have_text("live")
        site.enqueue("one")
        for page in (first, second):
            expect(page.get_by_role("row").filter(has_text="one")).to_be_visible()
        assert len(seen.streams) == 1
        assert site.figure("jobstream_streams") == 1
        first.close()
        expect(second.locator(".live")).to_have_text("live")
        site.enqueue("two")
        expect(second.get_by_role("row").filter(has_text="two")).to_be_visible()
        assert len(seen.streams) == 2
        eventually_sync(lambda: site.figure("jobstream_streams") == 1)


def test_paused_page_holds_still_and_then_shows_everything(site: Site, page: Page) -> None:
    page.goto(f"{site.url}#/jobs")
    expect(page.get_by_text("No jobs yet")).to_be_visible()
    page.get_by_role("button", name="live").click()
    site.enqueue("resize")
    expect(page.get_by_role("button", name="paused by you, 1 event passed")).to_be_visible()
    expect(page.get_by_text("No jobs yet")).to_be_visible()
    page.get_by_role("button", name="paused by you").click()
    expect(page.get_by_role("row").filter(has_text="resize")).to_be_visible()


def test_figures_of_a_paused_page_stay_what_they_were_however_late_it_gets(site: Site, page: Page) -> None:
    site.work()
    site.enqueue("noop", "bulk")
    eventually_sync(lambda: site.sql("select status from jobstream.jobs") == [("done",)])
    page.clock.install()
    page.goto(site.url)
    expect(page.get_by_text("1 in this time")).to_be_visible()
    expect(page.locator(".live")).to_have_text("live")
    page.get_by_role("button", name="live").click()
    page.clock.fast_forward("02:00:00")
    site.enqueue("nobody", "later")
    expect(page.get_by_role("button", name="passed")).to_be_visible()
    expect(page.get_by_text("1 in this time")).to_be_visible()


def test_ten_thousand_jobs_and_five_hundred_events_a_second_leave_the_page_usable(
    site: Site, page: Page
) -> None:
    asked: list[str] = []
    page.goto(f"{site.url}#/jobs")
    expect(page.locator(".live")).to_have_text("live")
    expect(page.get_by_text("No jobs yet")).to_be_visible()
    site.sql(ENQUEUE, "resize", "images", 10_000)
    expect(page.get_by_text("the newest 10,000 that match")).to_be_visible(timeout=60_000)
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate(MEASURE)
    begun = time.monotonic()
    for number in range(ROUNDS):
        site.sql(ENQUEUE, "noop", "bulk", 50)
        site.sql("select id from jobstream.claim('{bulk}', 50, 'w')")
        site.sql(COMPLETE)
        page.wait_for_timeout(max(0.0, begun + (number + 1) * PACE - time.monotonic()) * 1_000)
    seconds = time.monotonic() - begun
    measured = page.evaluate("window.measured()")
    newest = page.locator(".window-body .row").filter(has_text="done")
    eventually_sync(lambda: newest.count() > 10)
    done = site.sql("select count(*) from jobstream.jobs where status = 'done'")[0][0]
    expect(page.get_by_text("the newest 10,000 that match")).to_be_visible()
    page.mouse.move(600, 500)
    page.mouse.wheel(0, 200_000)
    eventually_sync(lambda: page.locator(".window-body .row").count() > 10)
    # Only what is seen is in the document, and what moves comes over the stream: the counts are read now and then.
    assert page.locator(".window-body .row").count() < 80
    assert page.evaluate("document.querySelectorAll('*').length") < 3_000
    assert done == ROUNDS * 50
    assert [url for url in asked if "/api/v1/jobs" in url] == []
    assert len(asked) < 2 + seconds / 3  # while ROUNDS * 150 events passed
    print(f"{ROUNDS * 150 / seconds:.0f} events/s for {seconds:.0f} s: {measured}")


ROUNDS, PACE = 33, 0.3
ENQUEUE = """
select count(*) from jobstream.enqueue_many((
    select jsonb_agg(jsonb_build_object('kind', %s::text, 'queue', %s::text)) from generate_series(1, %s)
))
"""
COMPLETE = """
select count(*)
from (
    select array_agg(id) as ids, array_agg(attempt) as attempts, array_agg(null::jsonb) as results
    from jobstream.jobs where status = 'running'
) as j
cross join lateral jobstream.complete_many(j.ids, j.attempts, j.results)
"""
MEASURE = """() => {
    const begun = performance.now();
    let longest = 0, busy = 0, frames = 0, slowest = 0, last = begun;
    new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries()) { longest = Math.max(longest, duration); busy += duration; }
    }).observe({type: 'longtask'});
    const frame = (now) => { frames += 1; slowest = Math.max(slowest, now - last); last = now; requestAnimationFrame(frame); };
    requestAnimationFrame(frame);
    window.measured = () => {
        const ms = performance.now() - begun;
        return `${(frames / ms * 1000).toFixed(0)} frames/s, slowest frame ${slowest.toFixed(0)} ms, longest task ` +
            `${longest.toFixed(0)} ms, ${(busy / ms * 100).toFixed(1)} % of the time in tasks over 50 ms`;
    };
}"""
