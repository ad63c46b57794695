"""The browser client in a product's own page, on another origin."""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.site import ROOT, Site, as_json, bundle
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
    expect(button).to_have_text("live done 100", timeout=30_000)
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
