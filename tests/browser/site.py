"""A real `jobstream serve` and a real browser on it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

from tests.support import Process, free_port
from tests.support.waiting import eventually_sync

ROOT = Path(__file__).resolve().parents[2]
MODULES = ROOT / "clients" / "js" / "node_modules"


class Site:
    """One server on one port, to be stopped and started again, with workers beside it."""

    def __init__(self, database_url: str, stack: ExitStack, **environ: str) -> None:
        self.database_url = database_url
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self._environ = {
            "JOBSTREAM_DATABASE_URL": database_url,
            "JOBSTREAM_AUTH": "off",
            "JOBSTREAM_DRAIN_SECONDS": "1",
            **environ,
        }
        self._stack = stack
        self.server: Process | None = None
        self.token: str | None = None

    def start(self) -> None:
        """Start the server and wait until it is ready."""
        self.server = self._stack.enter_context(
            Process("serve", "--port", str(self.port), environ=self._environ)
        )
        eventually_sync(self._is_ready, 30)

    def kill(self) -> None:
        """End the server without a word."""
        assert self.server is not None
        self.server.kill()

    def work(self) -> Process:
        """Start a worker and wait until it has registered."""
        worker = Process(
            "worker", "tests.browser.shop:app", environ={**self._environ, "PYTHONPATH": str(ROOT)}, cwd=ROOT
        )
        self._stack.enter_context(worker)
        eventually_sync(lambda: self.sql("select 1 from jobstream.workers"), 30)
        return worker

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run a statement as an operator in psql would."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def enqueue(self, kind: str, queue: str = "images", **args: Any) -> str:
        """Create a job over HTTP and return its id."""
        headers = {"Idempotency-Key": uuid4().hex}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        body = {"spec": {"kind": kind, "queue": queue, "args": args}, "retry": {"max_attempts": 1}}
        answer = httpx.post(f"{self.url}api/v1/jobs", headers=headers, json=body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def status(self, id: str) -> str:
        """Return where a job stands."""
        return str(self.sql("select status from jobstream.jobs where id = %s", id)[0][0])

    def figure(self, name: str) -> float:
        """Read a figure of the server's own, over all its labels."""
        answer = httpx.get(f"{self.url}metrics")
        assert answer.status_code == 200, answer.text
        lines = answer.text.splitlines()
        found = [float(line.split()[-1]) for line in lines if line.startswith((f"{name} ", f"{name}{{"))]
        assert found, f"no figure {name}"
        return sum(found)

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}readyz").status_code == 200
        except httpx.HTTPError:
            return False


class Watch:
    """What a page must never do: complain in its console, ask another host."""

    def __init__(self, site: Site) -> None:
        self.faults: list[str] = []
        self.streams: list[str] = []
        self.down = False
        self.expected: list[str] = []
        self.home = site.url

    def attach(self, page: Page) -> None:
        """Look at everything that the page does from now on."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.faults.append(f"error {error}"))
        page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        # Chromium itself writes a line for each request that finds nobody, and for each answer that is an error.
        if self.down and "net::ERR" in message.text:
            return
        if any(text in message.text for text in self.expected):
            return
        if message.type in ("error", "warning"):
            self.faults.append(f"console {message.type} {message.text} {message.location.get('url')}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.home, "data:", "blob:")):
            self.faults.append(f"foreign request {request.url}")
        if request.headers.get("accept") == "text/event-stream":
            self.streams.append(request.url)


@contextmanager
def visitor(browser: Browser, site: Site, **options: Any) -> Iterator[tuple[BrowserContext, Watch]]:
    """A browser profile of its own; leaving it asserts that nothing was at fault."""
    context = browser.new_context(**options)
    context.set_default_timeout(20_000)
    watch = Watch(site)
    context.on("page", watch.attach)
    try:
        yield context, watch
    finally:
        context.close()
    assert not watch.faults, watch.faults


def serious(page: Page) -> list[str]:
    """What axe-core finds serious or critical on the page as it is."""
    # The policy of the page forbids script from elsewhere; the debugger's door is not under it.
    page.evaluate((MODULES / "axe-core" / "axe.min.js").read_text(encoding="utf-8") + "\n;undefined")
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{violation['id']}: {[node['html'][:160] for node in violation['nodes'][:3]]}"
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
    ]


def bundle(source: Path, target: Path) -> None:
    """Put a module and what it imports into one file, as a product's own build would."""
    command = [
        str(MODULES / ".bin" / "esbuild"),
        str(source),
        "--bundle",
        "--format=esm",
        "--jsx=automatic",
        f"--alias:jobstream/react={ROOT / 'clients' / 'js' / 'src' / 'react.js'}",
        f"--outfile={target}",
    ]
    result = subprocess.run(
        command,
        cwd=ROOT / "clients" / "js",
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NODE_PATH": str(MODULES)},
    )
    assert result.returncode == 0, result.stderr or sys.argv


def as_json(value: Any) -> str:
    """Return it as a JavaScript literal."""
    return json.dumps(value)
