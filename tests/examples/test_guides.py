"""Every Python block of the guides runs, page by page, while a worker's executor runs what it enqueues."""

import ast
import asyncio
import inspect
import sys
import threading
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest

import jobstream
import jobstream.testing
from jobstream import SyncClient
from jobstream.testing import drain_sync
from tests.examples.readme import ROOT, blocks

DOCS = ROOT / "docs"
PAGES = sorted((*DOCS.glob("python/*.md"), *DOCS.glob("coming-from/*.md")))


class Page:
    """The blocks of a page as one program; `await` stands where a notebook would allow it."""

    def __init__(self, path: Path, url: str) -> None:
        self.path = path
        self.module = types.ModuleType(f"guide_{path.stem}")
        self.names: dict[str, Any] = self.module.__dict__
        self.names["url"] = url
        sys.modules[self.module.__name__] = self.module  # where annotations are looked up

    async def run(self) -> None:
        for block in blocks(self.path.read_text()):
            if block.language == "python":
                code = compile(
                    block.text, f"{self.path.name}: {block.section}", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
                )
                waiting = eval(code, self.names)
                if inspect.isawaitable(waiting):
                    await waiting


class Worker:
    """Runs, in a thread, whatever the page's application has due, until `stop`."""

    def __init__(self, page: Page, url: str) -> None:
        self._page, self._url = page, url
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.errors: list[Exception] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stopped.set()
        self._thread.join(60)

    def _run(self) -> None:
        while not self._stopped.wait(0.02):
            app = self._page.names.get("app")
            if app is not None and len(app.handlers):
                try:
                    drain_sync(app, self._url, raises=False)
                except Exception as error:  # noqa: BLE001 - the test says so
                    self.errors.append(error)
                    return


@pytest.fixture
def page(request: pytest.FixtureRequest, database_url: str) -> Iterator[Page]:
    made = Page(request.param, database_url)
    if request.param.stem == "testing":  # it runs its jobs itself
        yield made
        return
    with Worker(made, database_url) as worker:
        yield made
    assert worker.errors == []


@pytest.mark.parametrize("page", PAGES, indirect=True, ids=lambda path: path.stem)
def test_code_of_the_guide_runs_as_written(page: Page) -> None:
    asyncio.run(asyncio.wait_for(page.run(), 100))


def test_the_guides_test_of_the_plugin_passes(
    jobstream_url: str, jobstream_sync: SyncClient, database_url: str
) -> None:
    page = Page(DOCS / "python/testing.md", database_url)
    asyncio.run(page.run())
    page.names["test_greeting"](jobstream_url, jobstream_sync)


def test_every_public_name_has_its_place_in_the_guides() -> None:
    text = "\n".join(path.read_text() for path in DOCS.glob("python/*.md"))
    for name in (*jobstream.__all__, *jobstream.testing.__all__):
        assert f"{name}" in text, name
    for member in (
        "enqueue",
        "enqueue_many",
        "handle",
        "get",
        "list",
        "cancel",
        "retry",
        "pipeline",
        "pipeline_handle",
    ):
        assert member in text, member
