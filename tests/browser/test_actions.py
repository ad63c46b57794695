"""What people do in the page happens in the queue."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.site import Site, Watch, serious, visitor
from tests.support.waiting import eventually_sync

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_waiting_job_is_cancelled_and_the_cancel_undone(site: Site, page: Page) -> None:
    id = site.enqueue("resize")
    page.goto(f"{site.url}#/jobs/{id}")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("region", name="Timeline")).to_contain_text("cancelled by local")
    assert site.status(id) == "cancelled"
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("region", name="Timeline")).to_contain_text("retried by local")
    assert site.status(id) == "pending"


def test_running_job_is_asked_to_stop(site: Site, page: Page) -> None:
    site.work()
    id = site.enqueue("resize", steps=600, pause=0.1)
    page.goto(f"{site.url}#/jobs/{id}")
    expect(page.get_by_role("button", name="Ask to stop")).to_be_enabled()
    page.keyboard.press("c")
    timeline = page.get_by_role("region", name="Timeline")
    expect(timeline).to_contain_text("asked to stop by local")
    expect(timeline).to_contain_text("cancelled", timeout=20_000)
    assert site.status(id) == "cancelled"


def test_job_is_rescheduled_and_made_due_and_each_is_undone(site: Site, page: Page) -> None:
    [(id,)] = site.sql("select id from jobstream.enqueue('noop', delay => '2 h')")
    when = "select scheduled_at, status from jobstream.jobs where id = %s"
    [(due, _)] = site.sql(when, id)
    page.goto(f"{site.url}#/jobs/{id}")
    page.get_by_role("button", name="Reschedule").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="in 1 d").click()
    expect(dialog).to_contain_text("in 23 h")
    assert serious(page) == []
    statement = dialog.locator("pre").inner_text()
    dialog.get_by_role("button", name="Reschedule job").click()
    eventually_sync(lambda: site.sql(when, id)[0][0] != due)
    [(chosen, _)] = site.sql(when, id)
    expect(page.get_by_role("region", name="Timeline")).to_contain_text("changed schedule by local")
    page.get_by_role("button", name="Undo").click()
    eventually_sync(lambda: site.sql(when, id) == [(due, "waiting")])
    site.sql(statement)
    assert site.sql(when, id)[0][0] == chosen
    page.get_by_role("button", name="Run now").click()
    eventually_sync(lambda: site.status(id) == "pending")
    page.get_by_role("button", name="Undo").click()
    eventually_sync(lambda: site.sql(when, id) == [(chosen, "waiting")])


def test_new_job_form_points_at_what_is_wrong_and_makes_the_job(site: Site, page: Page) -> None:
    page.goto(site.url)
    page.get_by_role("button", name="New job").click()
    dialog = page.get_by_role("dialog")
    # A press that begins in a field and ends beside the dialog selects text and closes nothing.
    dialog.get_by_label("Queue").hover()
    page.mouse.down()
    page.mouse.move(5, 5)
    page.mouse.up()
    dialog.get_by_label("Kind").fill("resize now")
    dialog.get_by_label("Arguments").fill('{"steps": 2')
    dialog.get_by_role("button", name="Create job").click()
    expect(dialog.get_by_role("alert")).to_be_visible()
    dialog.get_by_label("Arguments").fill('{"steps": 2}')
    dialog.get_by_label("Kind").fill("resize")
    dialog.get_by_label("Queue").fill("images")
    dialog.get_by_label("Labels").fill("team:shop")
    dialog.get_by_role("button", name="Create job").click()
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_role("heading", name="resize")).to_be_visible()
    assert site.sql("select kind, queue, args, labels from jobstream.jobs") == [
        ("resize", "images", {"steps": 2}, {"team": "shop"})
    ]


def test_selected_jobs_are_cancelled(site: Site, page: Page) -> None:
    ids = [site.enqueue("resize") for _ in range(3)]
    page.goto(f"{site.url}#/jobs")
    [(over,)] = site.sql("select id from jobstream.enqueue('resize')")
    site.sql("select jobstream.cancel(%s)", over)
    rows = page.locator(".window-body .row")
    expect(rows.filter(has_text="cancelled")).to_have_count(1)
    for id in [*ids[:2], over]:
        page.get_by_role("checkbox", name=f"Select resize {id}").check()
    # The buttons count what they will touch, and what is undone is what they touched.
    expect(page.get_by_role("button", name="Retry 1 job")).to_be_visible()
    page.get_by_role("button", name="Cancel 2 jobs").click()
    eventually_sync(lambda: [site.status(id) for id in ids] == ["cancelled", "cancelled", "pending"])
    expect(rows.filter(has_text="cancelled")).to_have_count(3)
    page.get_by_role("button", name="Undo").click()
    eventually_sync(lambda: [site.status(id) for id in ids] == ["pending"] * 3)
    assert site.status(over) == "cancelled"


def test_everything_that_matches_is_cancelled_after_a_preview(site: Site, page: Page) -> None:
    site.sql("select jobstream.enqueue('resize', queue => 'images') from generate_series(1, 340)")
    site.enqueue("noop", "bulk")
    page.goto(f"{site.url}#/jobs?queue=images")
    page.get_by_role("button", name="Select all that match").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("340 jobs")
    expect(dialog).to_contain_text("jobstream.cancel_where")
    dialog.get_by_role("button", name="Cancel 340 jobs").click()
    expect(dialog).to_contain_text("340 jobs done", timeout=20_000)
    assert site.sql("select status, count(*) from jobstream.jobs group by 1 order by 1") == [
        ("cancelled", 340),
        ("pending", 1),
    ]
    dialog.get_by_role("button", name="Close").last.click()
    page.goto(f"{site.url}#/activity")
    expect(page.get_by_text("bulk cancel: 340 of 340 jobs")).to_be_visible()


def test_dead_letters_of_one_cause_are_retried_together(site: Site, page: Page) -> None:
    site.work()
    ids = [site.enqueue("explode", message="codec av1 is missing") for _ in range(3)]
    eventually_sync(lambda: all(site.status(id) == "dlq" for id in ids))
    page.goto(f"{site.url}#/dead")
    group = page.get_by_role("region", name="3 of explode")
    expect(group).to_contain_text("ValueError: codec av1 is missing")
    group.get_by_role("button", name="Retry 3 jobs").click()
    page.get_by_role("dialog").get_by_role("button", name="Retry 3 jobs").click()
    expect(page.get_by_role("dialog")).to_contain_text("3 jobs done", timeout=20_000)
    eventually_sync(lambda: site.sql("select min(attempt) from jobstream.jobs") == [(2,)])


def test_queue_is_paused_limited_and_resumed(site: Site, page: Page) -> None:
    site.enqueue("resize")
    page.goto(f"{site.url}#/queues")
    row = page.get_by_role("row").filter(has_text="images")
    row.get_by_role("button", name="Pause").click()
    expect(row).to_contain_text("paused by local")
    row.get_by_role("button", name="Limits of images").click()
    page.get_by_label("Most running at once").fill("3")
    page.get_by_label("Most claims").fill("100")
    page.get_by_role("button", name="Set limits").click()
    expect(page.get_by_role("alert")).to_contain_text("fill in both, or neither")
    page.get_by_label("Most claims").fill("")
    page.get_by_role("button", name="Set limits").click()
    expect(row).to_contain_text("3 running")
    row.get_by_role("button", name="Resume").click()
    expect(row).not_to_contain_text("paused")
    assert site.sql("select paused, max_running from jobstream.queues where name = 'images'") == [(False, 3)]


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


def test_clone_keeps_what_the_job_was_and_takes_what_is_edited(site: Site, page: Page) -> None:
    backoff = '{"type": "fixed", "base": 7, "max": 9, "jitter": 0}'
    [(id,)] = site.sql(
        """
        select id from jobstream.enqueue(
            'resize', '{"steps": 3}', queue => 'images', priority => -2, max_attempts => 6, backoff => %s::jsonb,
            timeout_seconds => 60, labels => '{"team": "shop"}', concurrency_key => 'cdn', owner => 'anna', mode => 'fast'
        )
        """,
        backoff,
    )
    page.goto(f"{site.url}#/jobs/{id}")
    page.get_by_role("button", name="Clone and edit").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Arguments").fill('{"steps": 4}')
    dialog.get_by_text("The same in SQL").click()
    statement = dialog.locator("pre").inner_text()
    dialog.get_by_role("button", name="Create job").click()
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_role("region", name="Arguments")).to_contain_text("4")
    site.sql(statement)
    was, made, typed = site.sql(
        """
        select queue, priority, max_attempts, backoff, timeout_seconds, labels, concurrency_key, owner, mode, args -> 'steps'
        from jobstream.jobs order by id
        """
    )
    assert made[:-1] == typed[:-1] == was[:-1]
    assert (made[-1], typed[-1]) == (4, 4)


def test_bulk_operation_is_followed_over_its_stream_and_never_asked_for(
    site: Site, watch: tuple[Page, Watch]
) -> None:
    page, seen = watch
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    site.sql("select jobstream.enqueue('resize', queue => 'images') from generate_series(1, 1500)")
    page.goto(f"{site.url}#/jobs?queue=images")
    page.get_by_role("button", name="Select all that match").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Cancel 1,500 jobs").click()
    expect(dialog).to_contain_text("1,500 jobs done", timeout=20_000)
    dialog.get_by_role("button", name="Close").last.click()
    page.get_by_role("button", name="Select all that match").click()
    dialog.get_by_role("button", name="Delete", exact=True).click()
    dialog.get_by_role("button", name="Delete 1,500 jobs").click()
    expect(dialog).to_contain_text("1,500 jobs done", timeout=20_000)
    dialog.get_by_role("button", name="Close").last.click()
    expect(page.get_by_text("No job matches")).to_be_visible()
    of_bulk = [url for url in asked if "/bulk/0" in url]
    assert len(of_bulk) == 2
    assert all("/events" in url for url in of_bulk)
    assert len([url for url in seen.streams if "/bulk/" in url]) == 2
