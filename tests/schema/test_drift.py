"""A fresh install from sql/ and all revisions end in the same database."""

import re
import subprocess

from jobstream.embedded import find_binaries
from jobstream.schema import migrate


def dump(url: str) -> list[str]:
    """Return the schema as pg_dump writes it, without what differs by run."""
    text = subprocess.run(
        [find_binaries().program("pg_dump"), "--schema-only", "--schema=jobstream", "--dbname", url],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    lines = (line for line in text.splitlines() if line and not line.startswith("--"))
    return [line for line in lines if not re.match(r"\\(un)?restrict ", line)]


async def test_fresh_install_and_all_revisions_end_in_the_same_schema(
    separate_database_url: str, empty_database_url: str
) -> None:
    await migrate(empty_database_url)
    assert dump(empty_database_url) == dump(separate_database_url), "run `make freeze`, or write a revision"
