"""Enqueue, list, show, cancel and retry, straight on the database."""

from tests.cli.conftest import Command
from tests.support.types import Connection


def test_enqueue_prints_the_id_alone(jobstream: Command) -> None:
    result = jobstream("enqueue", "greet")

    assert result.code == 0
    assert len(result.out.strip()) == 26
    assert jobstream("jobs", "show", result.out.strip(), "--json").json["spec"]["kind"] == "greet"


def test_enqueue_passes_on_every_option(jobstream: Command) -> None:
    arguments = ["--queue", "mail", "--args", '{"to": "Ada"}', "--delay", "2h", "--priority", "-3"]
    more = ["--max-attempts", "7", "--label", "tenant=7", "--label", "a=b=c", "--key", "once"]
    made = jobstream("enqueue", "greet", *arguments, *more, "--json").json

    job = jobstream("jobs", "show", made["id"], "--json").json

    assert made["idempotent"] is False
    assert job["lifecycle"]["status"] == made["status"] == "waiting"
    assert job["spec"]["queue"] == "mail"
    assert job["spec"]["args"] == {"to": "Ada"}
    assert job["spec"]["priority"] == -3
    assert job["spec"]["labels"] == {"tenant": "7", "a": "b=c"}
    assert job["retry"]["max_attempts"] == 7
    assert job["idempotency_key"] == "once"


def test_enqueue_reads_arguments_from_standard_input(jobstream: Command) -> None:
    made = jobstream("enqueue", "greet", "--args", "-", "--json", stdin='["a", 1]').json

    assert jobstream("jobs", "show", made["id"], "--json").json["spec"]["args"] == ["a", 1]


def test_same_key_finds_the_same_job_and_another_request_is_refused(jobstream: Command) -> None:
    first = jobstream("enqueue", "greet", "--key", "k", "--json").json
    again = jobstream("enqueue", "greet", "--key", "k", "--json").json
    other = jobstream("enqueue", "part", "--key", "k", "--json")

    assert again == {**first, "idempotent": True}
    assert other.code == 1
    assert "key" in other.err


async def test_list_is_one_array_newest_first_and_filtered(jobstream: Command, conn: Connection) -> None:
    statement = "select id from jobstream.enqueue($1, labels => jsonb_build_object('of', $1::text))"
    first, second, third = [await conn.fetchval(statement, kind) for kind in ("a", "b", "a")]

    filtered = jobstream("jobs", "list", "--kind", "a", "--label", "of=a", "--since", "1h", "--json").json
    either = jobstream("jobs", "list", "--kind", "a", "--kind", "b", "--limit", "2", "--json").json

    assert [job["id"] for job in filtered] == [third, first]
    assert [job["id"] for job in either] == [third, second]


def test_list_of_nothing_is_an_empty_array(jobstream: Command) -> None:
    assert jobstream("jobs", "list", "--json").json == []


async def test_list_goes_on_over_pages(jobstream: Command, conn: Connection) -> None:
    await conn.execute(
        "select from jobstream.enqueue_many("
        "(select jsonb_agg(jsonb_build_object('kind', 'greet')) from generate_series(1, 250)))"
    )

    listed = jobstream("jobs", "list", "--limit", "230", "--json").json

    ids = [job["id"] for job in listed]
    assert len(ids) == 230
    assert ids == sorted(set(ids), reverse=True)


def test_tables_hold_every_id_in_full_when_piped(jobstream: Command) -> None:
    made = jobstream("enqueue", "greet", "--label", "tenant=7").out.strip()

    assert made in jobstream("jobs", "list").out
    shown = jobstream("jobs", "show", made)
    assert made in shown.out
    assert "tenant=7" in shown.out


def test_cancel_and_retry_say_the_status_after(jobstream: Command) -> None:
    made = jobstream("enqueue", "greet", "--json").json["id"]

    assert jobstream("jobs", "cancel", made, "--json").json == {"id": made, "status": "cancelled"}
    assert jobstream("jobs", "cancel", made, "--json").json == {"id": made, "status": "cancelled"}
    assert jobstream("jobs", "retry", made, "--json").json == {"id": made, "status": "pending"}
    assert "pending" in jobstream("jobs", "list").out


async def test_running_job_is_cancelled_only_by_force(jobstream: Command, conn: Connection) -> None:
    made = jobstream("enqueue", "greet", "--json").json["id"]
    await conn.execute("select from jobstream.claim(array['default'])")

    refused = jobstream("jobs", "cancel", made)
    asked = jobstream("jobs", "cancel", made, "--force", "--json")

    assert refused.code == 1
    assert "running" in refused.err
    assert asked.json == {"id": made, "status": "running"}
    assert jobstream("jobs", "show", made, "--json").json["lifecycle"]["cancel_requested"] is True
