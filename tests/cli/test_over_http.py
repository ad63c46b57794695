"""The same commands over HTTP, with a token; and what it may not do."""

import signal
from collections.abc import Iterator

import pytest

from tests.cli.conftest import Command
from tests.support import Process
from tests.support.databases import Databases
from tests.support.processes import ADDRESS, STARTUP_SECONDS
from tests.support.waiting import eventually_sync

UNKNOWN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


@pytest.fixture(scope="module")
def operator(databases: Databases) -> Iterator[Command]:
    """The command on a database of this module's own."""
    with databases.separate() as url:
        yield Command({"JOBSTREAM_DATABASE_URL": url})


@pytest.fixture(scope="module")
def address(operator: Command) -> Iterator[str]:
    """A server on it, for all tests here."""
    with Process("serve", "--port", "0", environ=operator.environ) as serving:
        found = eventually_sync(lambda: ADDRESS.search(serving.output()), STARTUP_SECONDS)
        assert found is not None
        yield found.group()
        serving.signal(signal.SIGTERM)
        assert serving.wait_sync() == 0


def with_token(operator: Command, address: str, scopes: str, *, principal: str = "shop") -> Command:
    """The command of somebody who has nothing but an address and a new token."""
    created = operator("tokens", "create", "--principal", principal, "--scopes", scopes)
    assert created.code == 0
    return Command({"JOBSTREAM_URL": address, "JOBSTREAM_TOKEN": created.out.strip()})


def test_jobs_are_made_listed_shown_cancelled_and_retried(operator: Command, address: str) -> None:
    shop = with_token(operator, address, "read,write")

    made = shop(
        "enqueue", "greet", "--args", '{"a": 1}', "--delay", "1h", "--label", "x=y", "--key", "k", "--json"
    ).json
    again = shop(
        "enqueue", "greet", "--args", '{"a": 1}', "--delay", "1h", "--label", "x=y", "--key", "k", "--json"
    ).json
    listed = shop("jobs", "list", "--status", "waiting", "--json").json
    shown = shop("jobs", "show", made["id"], "--json").json

    assert again == {**made, "idempotent": True}
    assert [job["id"] for job in listed] == [made["id"]]
    assert shown == listed[0]
    assert shown["owner"] == "shop"
    assert shown["spec"]["args"] == {"a": 1}
    assert shown["spec"]["labels"] == {"x": "y"}
    assert shop("jobs", "cancel", made["id"], "--json").json == {"id": made["id"], "status": "cancelled"}
    assert shop("jobs", "retry", made["id"], "--json").json["id"] == made["id"]


def test_refusals_are_one_line_and_exit_1(operator: Command, address: str) -> None:
    reader = with_token(operator, address, "read")
    nobody = Command({"JOBSTREAM_URL": address})

    for command, arguments, word in [
        (nobody, ("jobs", "list"), "oken"),
        (Command({"JOBSTREAM_URL": address, "JOBSTREAM_TOKEN": "jst_no"}), ("jobs", "list"), ""),
        (reader, ("enqueue", "greet"), "write"),
        (reader, ("jobs", "show", UNKNOWN), UNKNOWN),
        (reader, ("jobs", "show", "nonsense"), "ULID"),
        (reader, ("watch", UNKNOWN), UNKNOWN),
    ]:
        result = command(*arguments)
        assert result.code == 1
        assert len(result.err.splitlines()) == 1
        assert word in result.err


def test_commands_that_need_the_database_say_so(operator: Command, address: str) -> None:
    result = with_token(operator, address, "admin")("tokens", "list")

    assert result.code == 2
    assert "JOBSTREAM_DATABASE_URL" in result.err


def test_another_principal_s_job_is_unknown(operator: Command, address: str) -> None:
    made = with_token(operator, address, "read,write")("enqueue", "greet", "--json").json

    other = with_token(operator, address, "read,write", principal="somebody-else")

    assert other("jobs", "show", made["id"]).code == 1
    assert other("jobs", "list", "--json").json == []


def test_revoked_token_counts_no_more(operator: Command, address: str) -> None:
    created = operator(
        "tokens", "create", "--principal", "shop", "--scopes", "read", "--ttl", "1h", "--json"
    ).json
    shop = Command({"JOBSTREAM_URL": address, "JOBSTREAM_TOKEN": created["token"]})
    before = shop("jobs", "list", "--json")

    revoked = operator("tokens", "revoke", created["id"], "--json").json
    listed = operator("tokens", "list", "--json").json

    assert before.code == 0
    assert revoked == {"id": created["id"], "revoked": True}
    assert shop("jobs", "list").code == 1
    (shown,) = [token for token in listed if token["id"] == created["id"]]
    assert shown["principal"] == "shop"
    assert shown["revoked_at"] is not None
    assert shown["expires_at"] is not None
    assert created["token"] not in operator("tokens", "list").out


async def test_serve_ended_by_ctrl_c_exits_130(jobstream: Command) -> None:
    with Process("serve", "--port", "0", environ=jobstream.environ) as serving:
        await serving.address()
        serving.signal(signal.SIGINT)

        assert await serving.wait() == 130


def test_second_serve_on_a_port_is_told_what_to_do(operator: Command, address: str) -> None:
    result = operator("serve", "--port", address.rpartition(":")[2])

    assert result.code == 1
    assert "--port 0" in result.err.splitlines()[-1]


def test_serve_without_tokens_is_refused_where_others_could_reach_it(database_url: str) -> None:
    result = Command({"JOBSTREAM_DATABASE_URL": database_url, "JOBSTREAM_AUTH": "off"})(
        "serve", "--host", "0.0.0.0"
    )

    assert result.code == 2
    assert "loopback" in result.err
