"""The browser client in a product's own page, on another origin."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.proxy import Own
from tests.browser.proxy import product as in_front_of
from tests.browser.site import ROOT, Site, as_json, bundle, visitor
from tests.support import free_port
from tests.support.waiting import eventually_sync

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SOURCE = ROOT / "clients" / "js" / "tests" / "page" / "react.jsx"


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder without a word."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def product(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Another site: its origin, and the folder that it serves."""
    server = ThreadingHTTPServer(("127.0.0.1", free_port()), partial(Quiet, directory=str(tmp_path)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", tmp_path
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def jobs(database_url: str, product: tuple[str, Path]) -> Iterator[Site]:
    """A server that lets the other site in, with tokens."""
    with ExitStack() as stack:
        made = Site(database_url, stack, JOBSTREAM_AUTH="token", JOBSTREAM_CORS_ORIGINS=product[0])
        made.start()
        [(made.token,)] = made.sql("select jobstream.create_token('shop', '{read,write}')")
        yield made


def test_react_button_is_disabled_while_its_job_runs_and_survives_a_restart(
    browser: Browser, jobs: Site, product: tuple[str, Path]
) -> None:
    origin, folder = product
    id = jobs.enqueue("resize", steps=30, pause=0.1)
    bundle(SOURCE, folder / "page.js")
    given = as_json({"url": jobs.url, "token": jobs.token, "job": id})
    (folder / "index.html").write_text(
        f'<div id="root"></div><script>window.given = {given}</script><script type="module" src="page.js"></script>'
    )
    page = browser.new_page()
    page.goto(origin)
    button = page.get_by_role("button")
    expect(button).to_have_text("live pending 0")
    expect(button).to_be_disabled()
    jobs.work()
    expect(button).to_contain_text("running")
    jobs.kill()
    expect(button).to_contain_text("waiting")
    jobs.start()
    expect(button).to_have_text("ended done 100", timeout=30_000)
    expect(button).to_be_enabled(timeout=15_000)
    told = jobs.sql("select count(*) from jobstream.job_events where type = 'progress' and job_id = %s", id)[
        0
    ][0]
    eventually_sync(lambda: page.evaluate("window.seen.filter((type) => type === 'progress').length") == told)
    eventually_sync(lambda: ["job", id] in page.evaluate("window.invalidated"))
    page.context.close()


def test_progress_element_needs_five_lines_of_html(
    browser: Browser, jobs: Site, product: tuple[str, Path]
) -> None:
    origin, folder = product
    id = jobs.enqueue("resize", steps=4)
    lines = f"""<script type="module" src="{jobs.url}client.js"></script>
<jobstream-progress job="{id}"></jobstream-progress>
<script>document.querySelector("jobstream-progress").token = async () => {as_json(jobs.token)}</script>
"""
    (folder / "index.html").write_text(lines)
    page = browser.new_page()
    page.goto(origin)
    bar = page.get_by_role("progressbar")
    expect(bar).to_have_attribute("aria-valuetext", "pending")
    jobs.work()
    expect(bar).to_have_attribute("aria-valuetext", "done")
    expect(bar).to_have_attribute("aria-valuenow", "100")
    page.context.close()


def test_progress_element_follows_with_a_ticket_of_the_product_and_never_sees_a_token(
    browser: Browser, jobs: Site, product: tuple[str, Path]
) -> None:
    origin, folder = product
    id = jobs.enqueue("resize", steps=4)
    asked = {"filter": {"job_id": [id]}, "ttl_seconds": 60}
    headers = {"Authorization": f"Bearer {jobs.token}"}
    answer = httpx.post(f"{jobs.url}api/v1/stream-tickets", json=asked, headers=headers)
    (folder / "ticket.json").write_text(answer.text)
    (folder / "index.html").write_text(
        f'<script type="module" src="{jobs.url}client.js"></script>'
        f'<jobstream-progress job="{id}" ticket="ticket.json"></jobstream-progress>'
    )
    page = browser.new_page()
    page.goto(origin)
    bar = page.get_by_role("progressbar")
    expect(bar).to_have_attribute("aria-valuetext", "pending")
    jobs.work()
    expect(bar).to_have_attribute("aria-valuetext", "done")
    page.context.close()


def test_ticket_that_has_run_out_is_renewed_while_the_bar_goes_on(
    browser: Browser, jobs: Site, product: tuple[str, Path]
) -> None:
    id = jobs.enqueue("resize", steps=40, pause=0.1)
    handed_out: list[str] = []

    def ticket() -> Own:
        asked = {"filter": {"job_id": [id]}, "ttl_seconds": 1}
        headers = {"Authorization": f"Bearer {jobs.token}"}
        answer = httpx.post(f"{jobs.url}api/v1/stream-tickets", json=asked, headers=headers)
        handed_out.append(answer.json()["ticket"])
        return "application/json", answer.text

    page_text = (
        '<script type="module" src="/client.js"></script>'
        f'<jobstream-progress job="{id}" ticket="/ticket"></jobstream-progress>'
        "<script>window.told = []; document.querySelector('jobstream-progress')"
        ".addEventListener('change', (event) => told.push(event.detail.progress?.current ?? 0))</script>"
    )
    with in_front_of(jobs.url, {"/ticket": ticket, "/shop": lambda: ("text/html", page_text)}) as origin:
        page = browser.new_page()
        page.goto(f"{origin}/shop")
        bar = page.get_by_role("progressbar")
        expect(bar).to_have_attribute("aria-valuetext", "pending")
        jobs.work()
        expect(bar).to_have_attribute("aria-valuetext", "done", timeout=30_000)
        assert len(set(handed_out)) > 2
        told = page.evaluate("window.told")
        assert told == sorted(told)
        page.context.close()


def test_component_of_the_guide_has_twenty_lines_and_holds_its_button_while_the_job_runs(
    browser: Browser, site: Site, tmp_path: Path
) -> None:
    guide = (ROOT / "docs" / "react.md").read_text(encoding="utf-8")
    component = guide.split("```jsx\n")[1].split("```")[0]
    assert len([line for line in component.splitlines() if line]) <= 20
    (tmp_path / "component.jsx").write_text(component)
    (tmp_path / "main.jsx").write_text(
        "import { createRoot } from 'react-dom/client';\nimport { ReportButton } from './component.jsx';\n"
        "createRoot(document.getElementById('root')).render(<ReportButton customer=\"42\" />);\n"
    )
    bundle(tmp_path / "main.jsx", tmp_path / "page.js")
    page_text = (
        '<link rel="icon" href="data:,"><div id="root"></div><script type="module" src="/page.js"></script>'
    )
    own = {
        "/shop": lambda: ("text/html", page_text),
        "/page.js": lambda: ("text/javascript", (tmp_path / "page.js").read_text()),
        "/my/reports/42": lambda: (
            "application/json",
            as_json({"job_id": site.enqueue("resize", steps=6, pause=0.5)}),
        ),
    }
    with in_front_of(site.url, own) as origin, visitor(browser, site) as (context, seen):
        seen.home = f"{origin}/"
        page = context.new_page()
        page.goto(f"{origin}/shop")
        button = page.get_by_role("button")
        expect(button).to_have_text("Make report")
        button.click()
        expect(button).to_be_disabled()
        expect(button).to_contain_text("Working: 0 %")
        site.work()
        expect(button).to_contain_text(re.compile(r"Working: [1-9]"), timeout=10_000)
        expect(button).to_be_disabled()
        expect(button).to_have_text("Make report", timeout=15_000)
        expect(button).to_be_enabled()
        assert site.sql("select count(*) from jobstream.jobs where status = 'done'") == [(1,)]
