"""Each view shows what is there, by itself, without a fault."""

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.site import Site, Watch, serious, visitor
from tests.support.waiting import eventually_sync

pytestmark = [pytest.mark.browser, pytest.mark.slow]

VIEWS = ["", "jobs", "pipelines", "queues", "workers", "schedules", "dead", "health", "activity"]


def test_new_job_shows_up_runs_and_ends_before_the_eyes_of_whoever_looks(site: Site, page: Page) -> None:
    page.goto(f"{site.url}#/jobs")
    expect(page.get_by_text("No jobs yet")).to_be_visible()
    id = site.enqueue("resize", steps=8, pause=0.1)
    row = page.get_by_role("row").filter(has_text="resize")
    expect(row).to_contain_text("pending")
    site.work()
    expect(row.get_by_role("progressbar")).to_be_visible()
    expect(row).to_contain_text("done")
    assert site.status(id) == "done"


def test_job_page_tells_the_whole_story(site: Site, watch: tuple[Page, Watch]) -> None:
    page, seen = watch
    site.work()
    good, bad = site.enqueue("resize"), site.enqueue("explode", message="codec av1 is missing")
    eventually_sync(lambda: (site.status(good), site.status(bad)) == ("done", "dlq"))
    page.goto(f"{site.url}#/jobs/{good}")
    timeline = page.get_by_role("region", name="Timeline")
    for text in ("enqueued", "attempt 1", "progress 100 %", "done"):
        expect(timeline).to_contain_text(text)
    expect(page.get_by_role("region", name="Result")).to_contain_text("320")
    page.goto(f"{site.url}#/jobs/{bad}")
    expect(page.get_by_role("region", name="Attempts")).to_contain_text("ValueError: codec av1 is missing")
    expect(timeline).to_contain_text("set aside: ValueError: codec av1 is missing")
    page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.get_by_role("button", name=f"Copy {bad}").click()
    expect(page.get_by_text("Copied")).to_be_visible()
    [(long,)] = site.sql("select id from jobstream.enqueue('endless')")
    site.sql("select jobstream.claim('{default}')")
    site.sql("select count(jobstream.log(%s, 1, 'line ' || n)) from generate_series(1, 5010) as n", long)
    page.goto(f"{site.url}#/jobs/{long}")
    expect(timeline).to_contain_text("its first 5,000 events", timeout=20_000)
    seen.expected.append("status of 404")
    page.goto(f"{site.url}#/jobs/01ARZ3NDEKTSV4RRFFQ69G5FAV")
    expect(page.get_by_text("No such job")).to_be_visible()


def test_filters_are_the_address_and_back_works(site: Site, page: Page) -> None:
    site.enqueue("resize")
    site.enqueue("noop", "bulk")
    page.goto(f"{site.url}#/jobs?queue=bulk")
    rows = page.locator(".window-body .row")
    expect(rows).to_have_count(1)
    page.get_by_role("button", name="queue bulk").click()
    expect(rows).to_have_count(2)
    page.get_by_role("searchbox").fill("resi")
    page.get_by_role("button", name="pending").click()
    expect(rows).to_have_count(1)
    page.wait_for_url("**status=pending&q=resi")
    rows.get_by_role("link").first.click()
    expect(page.get_by_role("heading", name="resize")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("searchbox")).to_have_value("resi")
    page.go_back()
    expect(page.get_by_role("searchbox")).to_have_value("")
    expect(rows).to_have_count(2)
    page.go_back()
    expect(rows).to_have_count(1)


def test_search_goes_on_where_a_page_of_it_is_empty(site: Site, page: Page) -> None:
    first, _ = site.enqueue("late"), site.enqueue("late")

    def cut(route: Route) -> None:
        answer = route.fetch(url=route.request.url.replace("limit=100", "limit=1"))
        route.fulfill(response=answer, json={**answer.json(), "items": []})

    page.route("**/api/v1/jobs?*limit=100", cut)
    page.goto(f"{site.url}#/jobs?q=late")
    expect(page.get_by_title(first)).to_be_visible()


def test_overview_says_what_needs_somebody(site: Site, page: Page) -> None:
    site.enqueue("noop", "lonely")
    site.sql("select jobstream.enqueue('noop', queue => 'stopped')")
    site.sql("select jobstream.pause_queue('stopped')")
    page.goto(site.url)
    needs = page.get_by_role("region", name="Needs attention")
    expect(page.get_by_role("region", name="Latest").locator(".row")).to_have_count(3)
    assert page.evaluate(SHIFTED) == 0
    expect(needs).to_contain_text("lonely has no worker, 1 job wait")
    expect(needs).to_contain_text("stopped is paused by")
    # Nothing is older than a quarter of an hour, so that is what is looked at.
    expect(page.get_by_label("Span of time")).to_have_value("900")
    needs.get_by_role("button", name="Resume").click()
    expect(needs).not_to_contain_text("stopped is paused")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1400), ("dark", 390)])
def test_axe_finds_nothing_serious_in_any_view(browser: Browser, site: Site, scheme: str, width: int) -> None:
    site.work()
    ids = [site.enqueue("resize"), site.enqueue("explode"), site.enqueue("noop", "bulk")]
    site.sql("select jobstream.enqueue('noop', queue => 'later', delay => '1 h')")
    site.sql("select jobstream.put_schedule('nightly', '0 3 * * *', 'UTC', '{\"kind\": \"noop\"}')")
    [(pipeline,)] = site.sql(
        'select jobstream.create_pipeline(\'import\', \'[{"key": "a", "kind": "wait"}]\') ->> \'id\''
    )
    eventually_sync(lambda: all(site.status(id) in ("done", "dlq") for id in ids))
    site.sql("select jobstream.retry(id) from jobstream.jobs where kind = 'noop' and queue = 'bulk'")
    with visitor(browser, site, color_scheme=scheme, viewport={"width": width, "height": 900}) as (
        context,
        _,
    ):
        page = context.new_page()
        for view in [*VIEWS, f"jobs/{ids[1]}", f"pipelines/{pipeline}", "jobs?kind=none"]:
            page.goto(f"{site.url}#/{view}")
            expect(page.locator("[aria-busy=true]")).to_have_count(0)
            expect(page.locator(".live")).to_have_text("live")
            page.get_by_role("button", name="Show SQL").click()
            expect(page.get_by_role("region", name="SQL")).to_contain_text("select")
            assert serious(page) == [], view
            page.get_by_role("button", name="Show SQL").click()


def test_keys_reach_everything(site: Site, page: Page) -> None:
    first, second = site.enqueue("resize"), site.enqueue("noop")
    page.goto(site.url)
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("j")
    rows = page.locator(".window-body .row")
    expect(rows).to_have_count(2)
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.get_by_text("1 job selected")).to_be_visible()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("next job")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site.url}#/jobs/{first}")
    assert first < second


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_dialogs_and_at_the_door(
    browser: Browser, site: Site, guarded: Site, scheme: str
) -> None:
    id = site.enqueue("resize")
    dialogs = {
        "jobs": ["New job", "Select all jobs"],
        f"jobs/{id}": ["Clone and edit"],
        "queues": ["Limits of images"],
        "schedules": ["New schedule"],
    }
    with visitor(browser, site, color_scheme=scheme, viewport={"width": 390, "height": 800}) as (context, _):
        page = context.new_page()
        for view, names in dialogs.items():
            page.goto(f"{site.url}#/{view}")
            for name in names:
                page.get_by_role("button", name=name).click()
                for line in page.get_by_role("dialog").locator("summary").all():
                    line.click()
                assert serious(page) == [], name
                page.keyboard.press("Escape")
                expect(page.get_by_role("dialog")).to_have_count(0)
        page.keyboard.press("?")
        assert serious(page) == []
    with visitor(browser, guarded, color_scheme=scheme) as (context, seen):
        seen.expected.append("status of 401")
        page = context.new_page()
        page.goto(guarded.url)
        expect(page.get_by_label("Token")).to_be_focused()
        assert serious(page) == []


def test_view_that_cannot_be_read_says_so_and_is_tried_again(site: Site, watch: tuple[Page, Watch]) -> None:
    page, seen = watch
    seen.expected.append("status of 500")
    site.enqueue("resize")
    page.route("**/api/v1/queues*", lambda route: route.fulfill(status=500, json={"title": "out of order"}))
    page.goto(f"{site.url}#/queues")
    expect(page.get_by_role("alert")).to_contain_text("out of order")
    assert serious(page) == []
    page.goto(f"{site.url}#/")
    expect(page.get_by_text("Not everything could be looked at")).to_be_visible()
    expect(page.get_by_text("Nothing needs you")).to_have_count(0)
    page.goto(f"{site.url}#/queues")
    expect(page.get_by_text("Not everything could be looked at")).to_have_count(0)
    expect(page.get_by_role("alert")).to_contain_text("out of order")
    page.unroute("**/api/v1/queues*")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("region", name="Queues").get_by_text("images")).to_be_visible()
    page.route("**/api/v1/queues*", lambda route: route.fulfill(status=500, json={"title": "out of order"}))
    site.enqueue("resize")
    expect(page.get_by_role("alert")).to_contain_text("This is of")
    expect(page.get_by_role("region", name="Queues").get_by_text("images")).to_be_visible()


# How far what was drawn has moved since the page was opened.
SHIFTED = """() => new Promise((resolve) => {
    new PerformanceObserver((list) => resolve(list.getEntries().reduce((sum, entry) => sum + entry.value, 0)))
        .observe({type: 'layout-shift', buffered: true});
    setTimeout(() => resolve(0), 200);
})"""
