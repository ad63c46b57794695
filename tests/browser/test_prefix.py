"""The page works wherever it is put: its links are relative."""

from threading import Thread

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.proxy import PREFIX, Proxy
from tests.browser.site import Site
from tests.support import free_port

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_page_works_under_a_prefix(browser: Browser, site: Site) -> None:
    proxy = Proxy(free_port(), site.url)
    thread = Thread(target=proxy.serve_forever)
    thread.start()
    page = browser.new_page()
    strays: list[str] = []
    home = f"http://127.0.0.1:{proxy.server_port}{PREFIX}/"
    page.on("request", lambda request: None if request.url.startswith(home) else strays.append(request.url))
    try:
        page.goto(f"{home}#/jobs")
        expect(page.locator(".live")).to_have_text("live")
        id = site.enqueue("resize")
        page.get_by_role("row").filter(has_text="resize").get_by_role("link").first.click()
        page.get_by_role("button", name="Cancel").click()
        expect(page.get_by_role("region", name="Timeline")).to_contain_text("cancelled by local")
        assert site.status(id) == "cancelled"
        assert strays == []
    finally:
        page.close()
        proxy.shutdown()
        thread.join()
        proxy.server_close()
