"""Pipelines in the page: a graph that lives, a list as far back as there are any, cancelled and retried."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.site import Site
from tests.support.waiting import eventually_sync

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_pipeline_is_a_graph_with_live_steps(site: Site, page: Page) -> None:
    steps = '[{"key": "a", "kind": "noop", "queue": "bulk"}, {"key": "b", "kind": "resize", "queue": "images", "after": ["a"]}]'
    site.sql("select jobstream.create_pipeline('import', %s::jsonb)", steps)
    page.goto(f"{site.url}#/pipelines")
    page.get_by_role("link", name="import").click()
    node = page.locator(".node").filter(has_text="b")
    expect(node).to_contain_text("waiting")
    site.work()
    expect(node).to_contain_text("done")
    expect(page.get_by_text("2 of 2")).to_be_visible()


def test_failed_pipeline_is_retried(site: Site, page: Page) -> None:
    steps = '[{"key": "a", "kind": "explode", "queue": "images", "max_attempts": 1}, {"key": "b", "kind": "noop", "queue": "bulk", "after": ["a"]}]'
    [(made,)] = site.sql("select jobstream.create_pipeline('import', %s::jsonb) ->> 'id'", steps)
    site.work()
    page.goto(f"{site.url}#/pipelines/{made}")
    expect(page.get_by_text("failed at a")).to_be_visible()
    page.get_by_role("button", name="Retry what failed").click()
    eventually_sync(
        lambda: site.sql("select attempt from jobstream.jobs where pipeline_step = 'a'") == [(2,)]
    )


def test_pipelines_are_filtered_looked_back_on_cancelled_and_the_cancel_undone(
    site: Site, page: Page
) -> None:
    make = 'select jobstream.create_pipeline(\'p\' || n, \'[{"key": "a", "kind": "noop"}]\') ->> \'id\' from generate_series(1, 55) as n'
    site.sql(make)
    rows = page.locator("tbody tr")
    page.goto(f"{site.url}#/pipelines")
    expect(rows).to_have_count(50)
    page.get_by_role("button", name="Look further back").click()
    expect(rows).to_have_count(55)
    [(new,)] = site.sql(make.replace("55", "1"))
    expect(rows).to_have_count(56)
    page.goto(f"{site.url}#/pipelines/{new}")
    page.get_by_role("button", name="Cancel 1 step").click()
    expect(page.get_by_role("region", name="Pipeline")).to_contain_text("cancelled")
    page.goto(f"{site.url}#/pipelines?status=cancelled")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("p1")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("No pipeline matches")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("button", name="Cancel 1 step")).to_be_visible()
