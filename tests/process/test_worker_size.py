"""What many sleeping jobs cost one worker."""

from pathlib import Path

from tests.process.accounts import enqueue_storm
from tests.process.load import RUNS_FILE
from tests.support import Connection, Process, eventually

JOBS = 1000
MOST_BYTES = 150_000_000
# A statement has one time, so leases that were renewed together end together.
RENEWED = """
select count(distinct lease_until) = 1 and count(*) = $1 and min(lease_until - started_at) > interval '6.5 s'
from jobstream.jobs
where status = 'running'
"""


def resident_bytes(pid: int) -> int:
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) * 1024


async def test_a_thousand_sleeping_jobs_fit_in_150_mb_and_one_statement_renews_them(
    database_url: str, conn: Connection, tmp_path: Path
) -> None:
    (tmp_path / "runs").touch()
    environ = {"JOBSTREAM_DATABASE_URL": database_url, RUNS_FILE: str(tmp_path / "runs")}
    options = ("--concurrency", str(JOBS), "--lease", "6", "--grace", "0")
    with Process("worker", "tests.process.load:app", *options, environ=environ) as worker:
        await enqueue_storm(conn, JOBS, "pinned")
        await eventually(lambda: conn.fetchval(RENEWED, JOBS), 60)
        size = resident_bytes(worker.pid)
        assert await worker.stop() == 0
    left = await conn.fetch("select status, failures, crashes, count(*) from jobstream.jobs group by 1, 2, 3")
    assert [tuple(row) for row in left] == [("pending", 0, 0, JOBS)]
    assert size < MOST_BYTES, f"{size / 1e6:.0f} MB"
