"""`jobstream migrate`: what it does, prints and checks."""

from tests.cli.conftest import Command


def test_check_tells_by_exit_code_whether_to_migrate(empty_database_url: str) -> None:
    jobstream = Command({"JOBSTREAM_DATABASE_URL": empty_database_url})

    before = jobstream("migrate", "--check")
    first = jobstream("migrate", "--json").json
    after = jobstream("migrate", "--check", "--json")

    assert before.code == 1
    assert "jobstream migrate" in before.err
    assert first["before"] is None
    assert first["changed"] is True
    assert after.code == 0
    assert after.json == {"version": first["after"], "wanted": first["after"], "state": "current"}


def test_second_migration_changes_nothing(jobstream: Command) -> None:
    again = jobstream("migrate", "--json")

    assert again.code == 0
    assert again.json["before"] == again.json["after"]
    assert again.json["changed"] is False


def test_sql_needs_no_database(unset: Command) -> None:
    with_roles = unset("migrate", "--sql")
    without = unset("migrate", "--sql", "--no-roles")

    assert with_roles.code == without.code == 0
    assert "create role" in with_roles.out.lower()
    assert "create role" not in without.out.lower()
