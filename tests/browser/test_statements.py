"""What "Show SQL" gives, pasted into psql, gives what the view shows."""

from typing import Any

import psycopg
import psycopg.rows
import pytest
from playwright.sync_api import Page, expect

from tests.browser.scene import Scene, play
from tests.browser.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.slow]

Rows = list[dict[str, Any]]


def test_each_view_shows_what_its_statements_give(site: Site, page: Page) -> None:
    scene = play(site, history=0)
    first = {
        "jobs?status=dlq&status=failed&status=cancelled&queue=images&queue=bulk": "id",
        "jobs?label=team:shop&q=CDN": "id",
        "pipelines": "id",
        "pipelines?status=failed": "id",
        f"pipelines/{scene.pipelines[0]}": "id",
        "queues": "queue",
        "workers": "id",
        "schedules": "name",
        "dead": "sample",
        "health": "detail",
    }
    for view, column in first.items():
        rows, *_ = stated(site, page, view)
        shown = page.evaluate(SHOWN[view.split("?")[0].split("/")[0]])
        assert shown, view
        assert sorted(shown) == sorted(row[column] for row in rows), view


def test_order_of_jobs_is_the_order_of_the_statement(site: Site, page: Page) -> None:
    play(site, history=0)
    rows, *_ = stated(site, page, "jobs?queue=exports")
    assert page.evaluate(SHOWN["jobs"]) == [row["id"] for row in rows]


def test_statements_of_a_job_of_the_overview_and_of_activity_give_their_figures(
    site: Site, page: Page
) -> None:
    scene = play(site, history=0)
    _job(site, page, scene)
    flow, _, queues, dead, _ = stated(site, page, "?span=900")
    done = sum(row["done"] for row in flow)
    expect(page.get_by_text(f"{done} in this time")).to_be_visible()
    assert sum(row["dlq"] for row in queues) == sum(row["count"] for row in dead)
    # Over a second's events for hours it is the sixty times of the plot, none of them cut.
    text = page.get_by_role("region", name="SQL").locator("pre").first.inner_text()
    assert text.count(EVENTS) == 1
    seconds = [row[2] for row in site.sql(text.replace(EVENTS, SECONDS))]
    assert len(seconds) == 60
    assert set(seconds[:-1]) == {15}
    deeds, bulk = stated(site, page, "activity")
    assert len(bulk) == 1
    expect(page.get_by_text("bulk retry: 2 of 2 jobs")).to_be_visible()
    ids = page.evaluate("[...document.querySelectorAll('.log .id')].map((one) => one.title)")
    assert ids
    assert set(ids) <= {row["sample"] for row in deeds}


def _job(site: Site, page: Page, scene: Scene) -> None:
    timeline, job, explained = stated(site, page, f"jobs/{scene.jobs['dead']}")
    expect(page.locator(".tl li")).to_have_count(len(timeline))
    assert [row["last_error"] for row in job] == ["ValueError: codec av1 is missing on this host"]
    assert "dlq" in explained[0]["explain_job"]


def stated(site: Site, page: Page, view: str) -> list[Rows]:
    """The rows of each statement that the view offers."""
    page.goto(f"{site.url}#/{view}")
    page.reload()
    expect(page.locator(".live")).to_have_text("live")
    expect(page.locator("[aria-busy=true]")).to_have_count(0)
    page.get_by_role("button", name="Show SQL").click()
    texts = page.get_by_role("region", name="SQL").locator("pre").all_inner_texts()
    assert texts, view
    with psycopg.connect(site.database_url, autocommit=True, row_factory=psycopg.rows.dict_row) as connection:
        return [connection.execute(text).fetchall() for text in texts]


EVENTS = "jobstream.job_events"
SECONDS = """(
    select g as at, 'status' as type, 'done' as status, 1 as attempt, '{}'::jsonb as data
    from generate_series(date_trunc('second', now()) - interval '2 h', now(), interval '1 s') as g
) as e"""
SHOWN = {
    "jobs": "[...document.querySelectorAll('.window-body .row .id')].map((one) => one.title)",
    "pipelines": """[...document.querySelectorAll('tbody .id, a.node')]
        .map((one) => one.title && !one.href ? one.title : one.href.split('/').at(-1))""",
    "queues": "[...document.querySelectorAll('tbody td:first-child b')].map((one) => one.textContent)",
    "workers": "[...document.querySelectorAll('tbody td:first-child b')].map((one) => one.textContent)",
    "schedules": "[...document.querySelectorAll('.group strong')].map((one) => one.textContent)",
    "dead": "[...document.querySelectorAll('.group .id')].map((one) => one.title)",
    "health": """[...document.querySelectorAll('.checks li:not(:last-child) > span:not(.unseen)')]
        .map((one) => one.textContent)""",
}
