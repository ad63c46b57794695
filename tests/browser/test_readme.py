"""What the README puts into a page of one's own shows a job's progress there."""

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.site import Site
from tests.examples.readme import README, blocks

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_progress_bar_of_the_readme_follows_the_job(site: Site, page: Page) -> None:
    (snippet,) = (block.text for block in blocks(README.read_text()) if block.language == "html")
    id = site.enqueue("by-hand", queue="by-hand")
    site.sql("select from jobstream.claim(array['by-hand'], 1, 'hand')")
    site.sql("select jobstream.report_progress(%s, 1, 30, 100, 'half way')", id)
    html = f"<!doctype html><title>Shop</title><link rel=icon href=data:,>{snippet.replace('JOB_ID', id)}"

    def answer(route: Route) -> None:
        route.fulfill(content_type="text/html", body=html)

    page.route("**/order", answer)
    page.goto(f"{site.url}order")

    bar = page.get_by_role("progressbar")
    expect(bar).to_have_attribute("aria-valuenow", "30")
    site.sql("select jobstream.report_progress(%s, 1, 80, 100, 'nearly')", id)
    expect(bar).to_have_attribute("aria-valuenow", "80")
