"""0, 1, 2, 130; one line on stderr, and no traceback for what a user did."""

from collections.abc import Callable

import pytest

from tests.cli.conftest import Command, Result

UNKNOWN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


def assert_one_line(result: Result, *words: str) -> None:
    """Nothing on stdout, one line on stderr, with these words in it."""
    assert result.out == ""
    assert len(result.err.splitlines()) == 1, result.err
    assert result.err.startswith("error: ")
    for word in words:
        assert word in result.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("serve",),
        ("worker", "tests.cli.app:app"),
        ("jobs", "list"),
        ("enqueue", "greet"),
        ("watch", UNKNOWN),
        ("tokens", "list"),
        ("psql",),
        ("migrate",),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_command_without_a_database_exits_2_and_names_the_setting(
    unset_here: Callable[..., Result], arguments: tuple[str, ...]
) -> None:
    result = unset_here(*arguments)

    assert result.code == 2
    assert_one_line(result, "JOBSTREAM_DATABASE_URL")


@pytest.mark.parametrize("command", ["serve", "jobs"])
def test_process_exits_with_the_code(unset: Command, command: str) -> None:
    result = unset(*([command] if command == "serve" else [command, "list"]))

    assert result.code == 2
    assert_one_line(result, "JOBSTREAM_DATABASE_URL")


def test_faulty_settings_exit_2_and_are_named_all_at_once() -> None:
    result = Command({"JOBSTREAM_DATABASE_URL": "mysql://x", "JOBSTREAM_PORT": "x"})("jobs", "list")

    assert result.code == 2
    assert_one_line(result, "JOBSTREAM_DATABASE_URL", "JOBSTREAM_PORT")


@pytest.mark.parametrize(
    "arguments",
    [
        ("frobnicate",),
        ("watch",),
        ("enqueue", "greet", "--args", "{not json"),
        ("enqueue", "greet", "--delay", "soon"),
        ("jobs", "list", "--status", "asleep"),
        ("jobs", "list", "--limit", "0"),
        ("tokens", "create", "--principal", "shop", "--scopes", "read,fly"),
        ("migrate", "--sql", "--check"),
        ("worker", "no_colon:", "--queues", "a,,b"),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_faulty_usage_exits_2(unset_here: Callable[..., Result], arguments: tuple[str, ...]) -> None:
    result = unset_here(*arguments)

    assert result.code == 2
    assert_one_line(result)


def test_database_that_is_not_there_exits_1() -> None:
    nowhere = Command({"JOBSTREAM_DATABASE_URL": "postgresql://jobs:secret@127.0.0.1:1/jobs"})

    result = nowhere("jobs", "list")

    assert result.code == 1
    assert_one_line(result)
    assert "secret" not in result.err


def test_server_that_is_not_there_exits_1() -> None:
    result = Command({"JOBSTREAM_URL": "http://127.0.0.1:1"})("jobs", "list")

    assert result.code == 1
    assert_one_line(result, "http://127.0.0.1:1")


def test_database_without_the_schema_exits_1_and_names_the_remedy(empty_database_url: str) -> None:
    result = Command({"JOBSTREAM_DATABASE_URL": empty_database_url})("jobs", "list")

    assert result.code == 1
    assert_one_line(result, "jobstream migrate")


@pytest.mark.parametrize("verb", [("jobs", "show"), ("jobs", "cancel"), ("jobs", "retry"), ("watch",)])
def test_unknown_id_exits_1(jobstream: Command, verb: tuple[str, ...]) -> None:
    result = jobstream(*verb, UNKNOWN)

    assert result.code == 1
    assert_one_line(result, UNKNOWN)


def test_text_that_is_no_id_exits_1(jobstream: Command) -> None:
    result = jobstream("jobs", "show", UNKNOWN.lower())

    assert result.code == 1
    assert_one_line(result, "ULID")
