"""What comes from outside is text, whatever it says; hasty hands and wrong clocks do no harm."""

from datetime import UTC, datetime, timedelta

import httpx
import msgspec
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.site import Site, Watch, serious, visitor
from tests.support.waiting import eventually_sync

pytestmark = [pytest.mark.browser, pytest.mark.slow]

EVIL = "<img src=x onerror=window.evil=1><script>window.evil=1</script>'\"`${window.evil=1}</textarea>"
ARABIC = "مهمة طويلة"
TURNED = "\u202eevil.exe\u202c"
VIEWS = ["", "jobs", "pipelines", "queues", "workers", "schedules", "dead", "health", "activity"]


def test_markup_in_any_text_is_only_text(site: Site, watch: tuple[Page, Watch]) -> None:
    page, seen = watch
    [(id,)] = site.sql(
        "select id from jobstream.enqueue('evil', %s::jsonb, queue => 'bulk', max_attempts => 1, labels => %s::jsonb)",
        msgspec.json.encode({EVIL: EVIL}).decode(),
        msgspec.json.encode({EVIL[:60]: EVIL[:120], "lang": ARABIC, "turned": TURNED}).decode(),
    )
    error = {"type": EVIL, "message": f"{EVIL}\n{ARABIC}", "traceback": EVIL}
    page.goto(f"{site.url}#/jobs/{id}")
    site.sql("select jobstream.claim('{bulk}', 1, %s)", EVIL[:100])
    site.sql("select jobstream.report_progress(%s, 1, 1, 2, %s)", id, EVIL)
    site.sql("select jobstream.log(%s, 1, %s)", id, EVIL)
    site.sql(
        "select jobstream.emit(%s, 1, 'evil.thing', %s::jsonb)", id, msgspec.json.encode({"a": EVIL}).decode()
    )
    expect(page.get_by_role("region", name="Timeline")).to_contain_text("<script>window.evil=1</script>")
    site.sql(
        "select jobstream.fail(%s, 1, %s::jsonb, retryable => false)", id, msgspec.json.encode(error).decode()
    )
    expect(page.get_by_role("region", name="Attempts")).to_contain_text("<img src=x")
    # A name that turns the writing round turns nothing but itself.
    expect(page.get_by_title(f"turned: {TURNED}").locator("bdi")).to_have_text(["turned", TURNED])
    page.get_by_role("button", name="Clone and edit").click()
    page.get_by_role("dialog").get_by_text("The same in SQL").click()
    expect(page.get_by_role("dialog").locator("pre")).to_contain_text("</textarea>")
    page.keyboard.press("Escape")
    seen.expected.append("status of 400")
    strange = [
        f"jobs?q={EVIL[:20]}",
        f"jobs?label={EVIL[:60]}:{EVIL[:120]}",
        f"jobs/{EVIL[:10]}",
        "jobs/%E0%A4%A",
    ]
    for view in [*VIEWS, *strange]:
        page.evaluate("(hash) => { location.hash = hash; }", f"/{view}")
        expect(page.locator("[aria-busy=true]")).to_have_count(0)
        expect(page.locator("main h1")).to_be_visible()
        page.get_by_role("button", name="Show SQL").click()
    assert page.evaluate("window.evil") is None
    assert page.locator("img, main script").count() == 0


def test_nothing_runs_that_the_policy_does_not_name(site: Site, watch: tuple[Page, Watch]) -> None:
    page, seen = watch
    seen.expected += ["'TrustedScript'", "Content Security Policy"]
    page.goto(site.url)
    policy = httpx.get(site.url).headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    refused = page.evaluate(
        """() => new Promise((resolve) => {
            document.addEventListener('securitypolicyviolation', (event) => resolve(event.violatedDirective));
            const script = document.createElement('script');
            try { script.textContent = 'window.evil = 1'; } catch { resolve('trusted types'); }
            document.head.append(script);
        })"""
    )
    assert refused in ("trusted types", "require-trusted-types-for", "script-src-elem")


def test_no_view_is_wider_than_the_screen_whatever_it_has_to_show(browser: Browser, site: Site) -> None:
    long = "a-very-long-name." * 7
    [(id,)] = site.sql(
        "select id from jobstream.enqueue(%s, queue => %s, labels => %s::jsonb)",
        long,
        long,
        msgspec.json.encode({"x" * 128: "y" * 128, "lang": ARABIC * 10}).decode(),
    )
    site.sql(
        "select jobstream.put_schedule(%s, '0 3 * * *', 'UTC', %s::jsonb)",
        long,
        msgspec.json.encode({"kind": long}).decode(),
    )
    site.sql(
        "select jobstream.create_pipeline(%s, %s::jsonb)",
        long,
        msgspec.json.encode([{"key": long, "kind": long}]).decode(),
    )
    site.sql("select jobstream.claim(array[%s], 1, %s)", long, "w" * 200)
    error = msgspec.json.encode({"message": "x" * 3000}).decode()
    site.sql("select jobstream.fail(%s, 1, %s::jsonb, retryable => false)", id, error)
    [(pipeline,)] = site.sql("select id from jobstream.pipelines")
    views = [*VIEWS, f"jobs/{id}", f"pipelines/{pipeline}", f"jobs?queue={long}&kind={long}"]
    with visitor(browser, site) as (context, _):
        page = context.new_page()
        for width in (390, 1400):
            page.set_viewport_size({"width": width, "height": 844})
            for view in views:
                page.goto(f"{site.url}#/{view}")
                expect(page.locator("[aria-busy=true]")).to_have_count(0)
                expect(page.locator("main h1")).to_be_visible()
                assert page.evaluate("document.documentElement.scrollWidth") <= width, view


def test_ages_are_the_servers_whatever_the_clock_of_who_looks(browser: Browser, site: Site) -> None:
    site.enqueue("resize")
    site.sql("select jobstream.enqueue('noop', delay => '2 h')")
    for minutes in (-47, 47):
        with visitor(browser, site) as (context, _):
            page = context.new_page()
            page.clock.install(time=datetime.now(UTC) + timedelta(minutes=minutes))
            page.goto(f"{site.url}#/jobs?since=15m")
            row = page.get_by_role("row").filter(has_text="resize")
            expect(row.locator(".c-age")).to_contain_text(" s")
            expect(page.get_by_role("row").filter(has_text="noop")).to_contain_text("due in 1 h 59 min")


def test_a_thousand_hasty_clicks_make_one_job(site: Site, watch: tuple[Page, Watch]) -> None:
    page, _ = watch
    page.goto(f"{site.url}#/jobs")
    page.get_by_role("button", name="New job").click()
    page.get_by_role("dialog").get_by_label("Kind").fill("resize")
    page.evaluate(
        """() => {
            const button = [...document.querySelectorAll('dialog button')].find((one) => one.type === 'submit');
            for (let click = 0; click < 1000; click += 1) button.click();
        }"""
    )
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.evaluate(
        """async () => {
            const links = [...document.querySelectorAll('nav a')];
            for (let click = 0; click < 1000; click += 1) {
                links[click % links.length].click();
                if (click % 50 === 0) await new Promise(requestAnimationFrame);
            }
            links.find((one) => one.textContent.startsWith('Jobs')).click();
        }"""
    )
    expect(page.locator(".window-body .row")).to_have_count(1)
    expect(page.locator(".live")).to_have_text("live")
    assert site.sql("select count(*) from jobstream.jobs") == [(1,)]
    eventually_sync(lambda: site.figure("jobstream_streams") == 1)


def test_offline_page_says_so_and_is_true_again_when_the_network_is_back(
    browser: Browser, site: Site
) -> None:
    with visitor(browser, site) as (context, seen):
        page = context.new_page()
        page.goto(f"{site.url}#/jobs")
        expect(page.locator(".live")).to_have_text("live")
        seen.down = True
        context.set_offline(True)
        expect(page.get_by_text("The connection is lost")).to_be_visible()
        page.get_by_role("link", name="Queues").click()
        expect(page.get_by_text("The server does not answer")).to_be_visible()
        assert serious(page) == []
        id = site.enqueue("late")
        context.set_offline(False)
        expect(page.get_by_role("region", name="Queues").get_by_text("images")).to_be_visible(timeout=30_000)
        page.get_by_role("link", name="Jobs 1").click()
        expect(page.get_by_title(id).first).to_be_visible()


def test_page_on_a_slow_line_shows_what_happens(browser: Browser, site: Site) -> None:
    with visitor(browser, site) as (context, _):
        page = context.new_page()
        context.new_cdp_session(page).send(
            "Network.emulateNetworkConditions",
            {"offline": False, "latency": 200, "downloadThroughput": 60_000, "uploadThroughput": 30_000},
        )
        page.goto(f"{site.url}#/jobs", timeout=30_000)
        expect(page.locator(".live")).to_have_text("live", timeout=30_000)
        site.sql("select jobstream.enqueue('resize') from generate_series(1, 60)")
        expect(page.get_by_text("60 jobs")).to_be_visible(timeout=20_000)
