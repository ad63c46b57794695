"""`jobstream migrate`: what it does, prints and checks."""

from tests.cli.conftest import Command


def test_migrate_is_harmless_twice_and_check_tells_by_exit_code(empty_database_url: str) -> None:
    jobstream = Command({"JOBSTREAM_DATABASE_URL": empty_database_url})

    before = jobstream("migrate", "--check")
    first = jobstream("migrate", "--json").json
    second = jobstream("migrate", "--json").json
    after = jobstream("migrate", "--check", "--json")

    assert before.code == 1
    assert "jobstream migrate" in before.err
    assert first["before"] is None
    assert first["changed"] is True
    assert second == {"before": first["after"], "after": first["after"], "changed": False}
    assert after.code == 0
    assert after.json == {"version": first["after"], "wanted": first["after"], "state": "current"}


def test_sql_needs_no_database(unset: Command) -> None:
    with_roles = unset("migrate", "--sql")
    without = unset("migrate", "--sql", "--no-roles")

    assert with_roles.code == without.code == 0
    assert "create role" in with_roles.out.lower()
    assert "create role" not in without.out.lower()
