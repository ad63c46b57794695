"""A browser for the session, a site for each test."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.site import MODULES, Site, Watch, visitor
from tests.support import require
from tests.support.require import unavailable

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's chromium; nothing is downloaded."""
    require("chromium")
    # A busy machine is slow; what does not come at all comes no sooner for being waited for briefly.
    expect.set_options(timeout=15_000)
    if not (MODULES / "axe-core").is_dir():
        unavailable("needs `npm ci` in clients/js (make browser does it)")
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            headless=True,
            args=list(FLAGS),
            env={**os.environ, "HOME": home},
        )
        yield launched
        launched.close()


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    """A server without auth."""
    with ExitStack() as stack:
        made = Site(database_url, stack)
        made.start()
        yield made


@pytest.fixture
def watch(browser: Browser, site: Site) -> Iterator[tuple[Page, Watch]]:
    """A page on the site, and what it did."""
    with visitor(browser, site) as (context, seen):
        yield context.new_page(), seen


@pytest.fixture
def page(watch: tuple[Page, Watch]) -> Page:
    """A page on the site."""
    return watch[0]


@pytest.fixture
def guarded(database_url: str) -> Iterator[Site]:
    """A server that wants tokens."""
    with ExitStack() as stack:
        made = Site(database_url, stack, JOBSTREAM_AUTH="token")
        made.start()
        yield made
