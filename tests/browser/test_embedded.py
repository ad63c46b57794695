"""The page inside another application: for its users, under its prefix, live."""

import sys

import httpx
import pytest
from playwright.sync_api import Browser, Request, expect

from tests.browser.site import ROOT
from tests.support import Process
from tests.support.processes import ADDRESS
from tests.support.waiting import eventually_sync

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.mark.parametrize("host", ["examples.fastapi_app:app", "examples.litestar_app:app"])
def test_page_in_an_application_is_live_for_its_user_and_asks_nothing_outside_of_its_prefix(
    browser: Browser, database_url: str, host: str
) -> None:
    command = (sys.executable, "-m", "uvicorn", host, "--port", "0")
    environ = {"JOBSTREAM_DATABASE_URL": database_url, "JOBSTREAM_DRAIN_SECONDS": "0.2"}
    with Process(command=command, cwd=ROOT, environ=environ) as process:
        eventually_sync(lambda: ADDRESS.search(process.output()), 30)
        found = ADDRESS.search(process.output())
        assert found is not None
        address = found.group()
        key = {"X-Api-Key": "ada-key"}
        page = browser.new_page(extra_http_headers=key)
        strays: list[str] = []

        def note(request: Request) -> None:
            if not request.url.startswith(f"{address}/queue/"):
                strays.append(request.url)

        try:
            page.goto(f"{address}/queue")
            page.on("request", note)
            page.goto(f"{address}/queue/#/jobs")
            expect(page.locator(".live")).to_have_text("live")
            expect(page.locator(".who .name")).to_have_text("ada")
            expect(page.get_by_role("button", name="Sign out")).to_have_count(0)
            assert httpx.post(f"{address}/reports/2026", headers=key).status_code == 202
            page.get_by_role("row").filter(has_text="report").get_by_role("link").first.click()
            page.get_by_role("button", name="Cancel").click()
            expect(page.get_by_role("region", name="Timeline")).to_contain_text("cancelled by ada")
            assert strays == []
        finally:
            page.close()
