"""Debian's nginx as it comes, buffering and all, before two instances; and the clients that read through it."""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import httpx_sse

from tests.streams.wire import Blocks
from tests.support import Process, eventually, free_port

CLIENTS = Path(__file__).parents[2] / "clients" / "js"
CONFIGURATION = """
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream jobstream {{ {servers} }}
    server {{
        listen 127.0.0.1:{port};
        location / {{ proxy_pass http://jobstream; }}
    }}
}}
"""
NODE = """
import { createEventSource } from 'eventsource-client'
const say = (value) => process.stdout.write(JSON.stringify(value) + '\\n')
const source = createEventSource({
  url: process.argv[1],
  onMessage: ({ event, id, data }) => say({ type: event, id, data: JSON.parse(data) }),
  onDisconnect: () => say({ type: 'disconnected' }),
})
for await (const _ of source) if (source.readyState === 'closed') break
"""


class Site:
    """Two instances of `jobstream serve`, each of which may be restarted in its place, behind nginx."""

    def __init__(self, *, url: str, stack: ExitStack, folder: Path) -> None:
        self._stack = stack
        self._environ = {
            "JOBSTREAM_DATABASE_URL": url,
            "JOBSTREAM_AUTH": "token",
            "JOBSTREAM_HEARTBEAT_SECONDS": "0.3",
            "JOBSTREAM_DRAIN_SECONDS": "1",
        }
        self._ports = [free_port(), free_port()]
        self._processes: dict[int, Process] = {}
        port = free_port()
        self.address = f"http://127.0.0.1:{port}"
        servers = " ".join(f"server 127.0.0.1:{port};" for port in self._ports)
        stack.enter_context(nginx(folder, CONFIGURATION.format(folder=folder, port=port, servers=servers)))

    async def start(self) -> None:
        """Start both."""
        for port in self._ports:
            await self._start(port)
        async with httpx.AsyncClient(base_url=self.address) as http:

            async def ready() -> bool:
                try:
                    return (await http.get("/readyz")).status_code == 200
                except httpx.HTTPError:
                    return False

            await eventually(ready)

    async def restart_each(self) -> None:
        """Restart one after the other, so that one of them always answers."""
        for port in self._ports:
            await self._processes[port].stop()
            await self._start(port)

    async def _start(self, port: int) -> None:
        process = self._stack.enter_context(Process("serve", "--port", str(port), environ=self._environ))
        self._processes[port] = process
        await process.address()


@contextmanager
def nginx(folder: Path, configuration: str) -> Iterator[None]:
    """Run nginx with that configuration."""
    program = shutil.which("nginx")
    assert program is not None, "require() first"
    path = folder / "nginx.conf"
    path.write_text(configuration)
    process = subprocess.Popen([program, "-e", f"{folder}/error.log", "-p", str(folder), "-c", str(path)])
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


Told = dict[str, Any]


async def by_curl(url: str, told: list[Told]) -> None:
    """Run it again with the last id that it printed whole, until there is nothing more."""
    last_id = ""
    while True:
        process = await asyncio.create_subprocess_exec(
            *("curl", "-sN", "-H", f"Last-Event-ID: {last_id}", "-w", "\n\ndata: %{http_code}\n\n", url),
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        blocks = Blocks()
        try:
            async for line in process.stdout:
                for block in blocks.feed(line):
                    if block.type == "message":
                        status = block.data
                        continue
                    last_id = block.id or last_id
                    told.append({"type": block.type, "id": last_id, "data": block.data})
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
        if status == 204:
            return


async def by_httpx_sse(url: str, told: list[Told]) -> None:
    """As its documentation says: the caller comes back."""
    last_id = ""
    async with httpx.AsyncClient(timeout=10) as http:
        while True:
            headers = {"Last-Event-ID": last_id} if last_id else {}
            try:
                async with httpx_sse.aconnect_sse(http, "GET", url, headers=headers) as source:
                    if source.response.status_code == 204:
                        return
                    async for event in source.aiter_sse():
                        last_id = event.id
                        told.append({"type": event.event, "id": event.id, "data": event.json()})
            except httpx.HTTPError:
                await asyncio.sleep(0.1)


async def by_eventsource_client(url: str, told: list[Told]) -> None:
    """Node's eventsource-client, which comes back by itself."""
    process = await asyncio.create_subprocess_exec(
        *("node", "--input-type=module", "--eval", NODE, url), cwd=CLIENTS, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async for line in process.stdout:
            told += [json.loads(line)]
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def page() -> AsyncIterator[Any]:
    """A page of Debian's chromium."""
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"],
            env={**os.environ, "HOME": os.environ.get("TMPDIR", "/tmp")},
        )
        yield await browser.new_page()
        await browser.close()


FOLLOW = """
([url, types]) => {
  const source = new EventSource(url)
  window.told = []
  for (const type of types)
    source.addEventListener(type, (event) =>
      window.told.push({ type, id: event.lastEventId, data: JSON.parse(event.data) }))
  window.source = source
}
"""


async def by_chromium(url: str, told: list[Told]) -> None:
    """The browser's own EventSource, which comes back by itself until it is told 204."""
    origin, _, _ = url.partition("/api/")
    types = ["hello", "heartbeat", "status", "progress", "log", "reset", "end"]
    async with page() as tab:
        # A page of the same origin that may connect; what the server answers by itself may not.
        await tab.route(f"{origin}/blank", lambda route: route.fulfill(body="", content_type="text/html"))
        await tab.goto(f"{origin}/blank")
        await tab.evaluate(FOLLOW, [url, types])
        while not await tab.evaluate("window.source.readyState === EventSource.CLOSED"):
            told[:] = await tab.evaluate("window.told")
            await asyncio.sleep(0.1)
        told[:] = await tab.evaluate("window.told")
