"""The OpenAPI document against the running server: schemathesis asks whatever the document allows, and what it does not.

pytest tests/api/test_schemathesis.py --cases 100      # so many for each operation and scope: half an hour
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.api.test_access_matrix import SCOPES
from tests.support import Connection, Process

HERE = Path(__file__).parent
SHORT_SECONDS = 20
NUMBERS = re.compile(r"(Selected:|Tested:) +(\d+)")
CALLERS = [*((scope,) for scope in SCOPES), SCOPES]


@pytest.mark.timeout(540)
@pytest.mark.parametrize(
    "scopes", CALLERS, ids=lambda scopes: scopes[0] if len(scopes) == 1 else "everything"
)
async def test_no_answer_is_undocumented(
    database_url: str,
    conn: Connection,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    scopes: tuple[str, ...],
) -> None:
    cases = request.config.getoption("--cases")
    if cases is None and len(scopes) == 1:
        pytest.skip("each scope alone only with --cases")
    token = await conn.fetchval("select jobstream.create_token('alice', $1::text[])", list(scopes))
    environ = {
        "JOBSTREAM_DATABASE_URL": database_url,
        "JOBSTREAM_AUTH": "token",
        "JOBSTREAM_WRITE_RATE": "0",
    }
    environ_of_tool = {
        **os.environ,
        "SCHEMATHESIS_HOOKS": "tests.api.schemathesis_hooks",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    with Process("serve", "--port", "0", "--log-level", "warning", environ=environ) as server:
        address = await server.address()
        asked = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", f"--config-file={HERE / 'schemathesis.toml'}"),
                *(
                    "run",
                    f"{address}/schema/openapi.json",
                    "--checks=all",
                    "--no-color",
                    "--continue-on-failure",
                ),
                *("--phases=examples,coverage,fuzzing,stateful", "--request-timeout=20", "--no-shrink"),
                *("-H", f"Authorization: Bearer {token}", "-H", "Accept: application/json"),
                *([f"--max-examples={cases}"] if cases else [f"--max-time={SHORT_SECONDS}"]),
            ],
            cwd=tmp_path,
            env=environ_of_tool,
            capture_output=True,
            text=True,
            check=False,
        )
        assert asked.returncode == 0, asked.stdout[-20_000:] + asked.stderr
        found = {name: int(number) for name, number in NUMBERS.findall(asked.stdout)}
        print(scopes, re.findall(r"\d+ generated", asked.stdout))
        assert found["Tested:"] == found["Selected:"] > 50
        assert "✅ Examples" in asked.stdout
        assert "Traceback" not in server.output()
