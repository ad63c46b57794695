"""The pytest plugin, in a session of its own as a user has it."""

import subprocess
import sys

import pytest

import jobstream.testing

SESSION = """
import pytest
from jobstream import JobContext, JobStream
from jobstream.testing import assert_enqueued_sync, drain_sync

app = JobStream()
urls = []


@app.job("greet")
def greet(ctx: JobContext, args: str) -> str:
    return f"Hello, {args}!"


@pytest.fixture(scope="session")
def jobstream_prepare():
    def prepare(url):
        urls.append(url)

    return prepare


@pytest.mark.parametrize("n", [1, 2])
def test_each_finds_a_clean_database(jobstream_sync, jobstream_url, n):
    assert jobstream_sync.list().items == []
    job = jobstream_sync.enqueue(greet, "Ada")
    drain_sync(app, jobstream_url)
    assert job.result(timeout=20) == "Hello, Ada!"
    assert_enqueued_sync(jobstream_sync, greet, "Ada")
    assert len(urls) == 1


def test_that_asks_for_nothing():
    pass
"""


def test_the_plugin_is_loaded_by_itself_and_gives_each_test_a_clean_database(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(SESSION)
    pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider").assert_outcomes(passed=3)


def test_the_plugin_asks_for_no_server_where_no_test_does(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBSTREAM_TEST_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    pytester.makepyfile("def test_nothing(): pass")
    pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider").assert_outcomes(passed=1)


LIGHT = """
import sys
import jobstream.testing.plugin
assert not {"asyncpg", "sqlalchemy", "litestar", "jobstream.worker"} & {*sys.modules}
"""


def test_the_plugin_loads_nothing_heavy() -> None:
    subprocess.run([sys.executable, "-c", LIGHT], check=True, timeout=60)


def test_every_name_of_the_package_is_there() -> None:
    for name in jobstream.testing.__all__:
        assert getattr(jobstream.testing, name).__name__ == name
    with pytest.raises(AttributeError, match="none_such"):
        _ = jobstream.testing.none_such
