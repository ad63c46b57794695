"""Pictures of every view, to be looked at: `python -m tests.browser.pictures [view …]`.

A real server and a real worker on a database of their own, with jobs in every state; light and dark, wide and phone. The pictures
lie in build/pictures afterwards.
"""

import os
import shutil
import sys
import tempfile
from asyncio import run
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from playwright.sync_api import Browser, BrowserContext, Page, Route, expect, sync_playwright

from examples.indexer.stage import database, temporary_folder
from jobstream.schema import migrate
from tests.browser.conftest import FLAGS
from tests.browser.scene import Scene, play
from tests.browser.site import ROOT, Site

FOLDER = ROOT / "build" / "pictures"
SIZES = {"wide": (1400, 900), "phone": (390, 844)}
SCHEMES = ("light", "dark")


def main(wanted: list[str]) -> None:
    """Take the pictures of the views whose name begins with one of `wanted`; of all if there is none."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with temporary_folder() as folder, database(folder, {}) as url, ExitStack() as stack:
        run(migrate(url))
        site = Site(url, stack)
        site.start()
        closed = Site(url, stack, JOBSTREAM_AUTH="token")
        closed.start()
        scene = play(site)
        browser = stack.enter_context(_browser())
        for name, address, prepare in _views(scene, closed):
            if not wanted or name.startswith(tuple(wanted)):
                _take(browser, name, address, prepare)
                print(name, flush=True)


Prepare = Callable[[BrowserContext, Page], None] | None


def _views(scene: Scene, closed: Site) -> list[tuple[str, str, Prepare]]:
    home = f"{scene.site.url}#/"
    views: list[tuple[str, str, Prepare]] = [
        ("overview", f"{home}?span=3600", None),
        ("jobs", f"{home}jobs", None),
        ("jobs-filtered", f"{home}jobs?status=dlq&status=failed&queue=images", None),
        ("jobs-selected", f"{home}jobs", _select),
        ("jobs-bulk", f"{home}jobs?queue=bulk", _bulk),
        ("jobs-none", f"{home}jobs?kind=nobody", None),
        *((f"job-{name}", f"{home}jobs/{id}", None) for name, id in scene.jobs.items()),
        ("job-gone", f"{home}jobs/01ARZ3NDEKTSV4RRFFQ69G5FAV", None),
        ("job-clone", f"{home}jobs/{scene.jobs['failed']}", _press("Clone and edit")),
        ("job-new", f"{home}jobs", _press("New job")),
        ("pipelines", f"{home}pipelines", None),
        ("pipeline", f"{home}pipelines/{scene.pipelines[0]}", None),
        ("pipeline-failed", f"{home}pipelines/{scene.pipelines[1]}", None),
        ("queues", f"{home}queues", None),
        ("queues-limits", f"{home}queues", _press("Limits of images")),
        ("workers", f"{home}workers", None),
        ("schedules", f"{home}schedules", None),
        ("schedules-edit", f"{home}schedules", _press("Edit nightly-report")),
        ("dead", f"{home}dead", None),
        ("health", f"{home}health", None),
        ("activity", f"{home}activity", None),
        ("keys", home, lambda _, page: page.keyboard.press("?")),
        ("sql", f"{home}jobs?status=dlq&label=team:shop", _press("Show SQL")),
        ("login", f"{closed.url}", None),
        ("loading", f"{home}jobs", None),
        ("error", f"{home}queues", None),
        ("disconnected", home, _disconnect),
    ]
    return views


def _take(browser: Browser, name: str, address: str, prepare: Prepare) -> None:
    for size, (width, height) in SIZES.items():
        for scheme in SCHEMES:
            context = browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme=scheme,  # type: ignore[arg-type]
                reduced_motion="reduce",
                has_touch=size == "phone",
                timezone_id="Europe/Rome",
                locale="en-GB",
            )
            page = context.new_page()
            if name == "loading":
                page.add_init_script(UNANSWERED)
            if name == "error":
                page.route("**/api/v1/queues*", _refuse)
            page.goto(address)
            if name == "login":
                page.get_by_label("Token").wait_for()
            else:
                expect(page.locator(".live").first).to_have_text("live")
            if name != "loading":
                expect(page.locator("[aria-busy=true]")).to_have_count(0)
            if prepare is not None:
                prepare(context, page)
            page.wait_for_timeout(250)
            page.screenshot(path=FOLDER / f"{name}-{size}-{scheme}.png", full_page=size == "phone")
            context.close()


UNANSWERED = """
const asked = window.fetch;
window.fetch = (url, init) => (String(url).includes('/api/v1/jobs') ? new Promise(() => {}) : asked(url, init));
"""


def _refuse(route: Route) -> None:
    route.fulfill(
        status=500, json={"title": "Internal Server Error", "detail": "the database is not available"}
    )


def _press(name: str) -> Callable[[BrowserContext, Page], None]:
    return lambda _, page: page.get_by_role("button", name=name).first.click()


def _select(_: BrowserContext, page: Page) -> None:
    for box in page.locator(".window-body input[type=checkbox]").all()[1:4]:
        box.check()


def _bulk(_: BrowserContext, page: Page) -> None:
    page.get_by_role("button", name="all that match").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel", exact=False).last.wait_for()


def _disconnect(context: BrowserContext, page: Page) -> None:
    context.set_offline(True)
    page.evaluate("window.dispatchEvent(new Event('offline'))")
    page.wait_for_timeout(500)


@contextmanager
def _browser() -> Iterator[Browser]:
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(FLAGS), env={**os.environ, "HOME": home}
        )
        yield launched
        launched.close()


if __name__ == "__main__":
    main(sys.argv[1:])
