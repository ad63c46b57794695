"""What `pip install 'jobstream[embedded]'` gives."""

import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.packaging.conftest import CHECKOUT, run
from tests.support import Process

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def data_dir() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="jobstream-home-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


def names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return sorted(name for name in archive.namelist() if ".dist-info/" not in name)


def test_wheel_has_the_schema_its_revisions_and_the_browser_client(wheel: Path) -> None:
    shipped = names(wheel)
    sql = [
        f"jobstream/_sql/{path.relative_to(CHECKOUT / 'sql')}" for path in (CHECKOUT / "sql").rglob("*.sql")
    ]
    assert sorted(name for name in shipped if name.startswith("jobstream/_sql/")) == sorted(sql)
    assert {"jobstream/_alembic/env.py", "jobstream/_alembic/versions/0001_first_schema.sql"} <= {*shipped}
    assert {"jobstream/py.typed", "jobstream/_client/index.js"} <= {*shipped}
    assert {name.partition("/")[0] for name in shipped} == {"jobstream"}


def test_wheel_from_the_sdist_is_the_wheel_from_the_checkout(wheel: Path, tmp_path: Path) -> None:
    run(sys.executable, "-m", "build", "--outdir", tmp_path, ".", cwd=CHECKOUT)
    (from_sdist,) = tmp_path.glob("*.whl")
    assert names(from_sdist) == names(wheel)


def test_installed_command_migrates(installed: Path, empty_database_url: str, tmp_path: Path) -> None:
    environ = {"JOBSTREAM_DATABASE_URL": empty_database_url}
    run(installed / "jobstream", "migrate", cwd=tmp_path, environ=environ)
    run(installed / "jobstream", "migrate", "--check", cwd=tmp_path, environ=environ)


async def test_installed_command_runs_the_whole_system(
    installed: Path, data_dir: Path, tmp_path: Path
) -> None:
    arguments = ("dev", "--port", "0", "--data-dir", str(data_dir))
    with Process(*arguments, command=(str(installed / "jobstream"),), cwd=tmp_path) as process:
        address = await process.address()
        for path in ("/readyz", "/client.js", "/"):
            assert httpx.get(f"{address}{path}", follow_redirects=True).status_code == 200, path
        assert await process.stop() == 0
