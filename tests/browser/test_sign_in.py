"""Who signs in with what sees what is theirs, and has the buttons that they may press."""

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.site import Site, visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_reader_signs_in_sees_its_own_and_can_change_nothing(browser: Browser, guarded: Site) -> None:
    [(reader,)] = guarded.sql("select jobstream.create_token('anna', '{read}')")
    [(operator,)] = guarded.sql("select jobstream.create_token('root', '{operate}')")
    guarded.token = operator
    guarded.enqueue("resize")
    guarded.sql("select jobstream.enqueue('noop', owner => 'anna')")
    with visitor(browser, guarded) as (context, seen):
        seen.expected.append("status of 401")
        page = context.new_page()
        page.goto(f"{guarded.url}#/jobs")
        page.get_by_label("Token").fill("jst_wrong")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_contain_text("unknown")
        [(writer,)] = guarded.sql("select jobstream.create_token('anna', '{write}')")
        page.get_by_label("Token").fill(writer)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_contain_text("This token may only write")
        page.get_by_label("Token").fill(reader)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_text("read only")).to_be_visible()
        expect(page.locator(".window-body .row")).to_have_count(1)
        expect(page.locator(".window-body .row")).to_contain_text("noop")
        # Without boxes to tick the columns are where their heads are.
        wide = "(one) => one.getBoundingClientRect().width"
        assert page.locator(".window-body .c-status").evaluate(wide) > 80
        for name in ("New job", "Select all jobs…"):
            expect(page.get_by_role("button", name=name)).to_have_count(0)
        expect(page.get_by_role("link", name="Activity")).to_have_count(0)
        [cookie] = context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
        page.reload()
        expect(page.get_by_text("read only")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("Token")).to_be_visible()
        assert context.cookies() == []
        page.get_by_label("Token").fill(reader)
        page.get_by_role("button", name="Sign in").click()
        expect(page.locator(".live")).to_have_text("live")
        guarded.sql("select jobstream.revoke_token(id) from jobstream.tokens where scopes = '{read}'")
        expect(page.get_by_label("Token")).to_be_visible()


def test_operator_signs_in_and_acts(browser: Browser, guarded: Site) -> None:
    [(token,)] = guarded.sql("select jobstream.create_token('root', '{operate}')")
    [(id,)] = guarded.sql("select id from jobstream.enqueue('resize', owner => 'anna')")
    with visitor(browser, guarded) as (context, seen):
        seen.expected.append("status of 401")
        page = context.new_page()
        page.goto(f"{guarded.url}#/jobs/{id}")
        page.get_by_label("Token").fill(token)
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Cancel").click()
        expect(page.get_by_role("region", name="Timeline")).to_contain_text("cancelled by root")
