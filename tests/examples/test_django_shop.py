"""The Django example's own tests pass, run as its users would run them."""

import os
import subprocess
import sys

from tests.examples.readme import ROOT
from tests.support.processes import clean_environ


def test_the_shops_own_tests_pass(database_url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "examples/django_shop/tests.py"],
        cwd=ROOT,
        env={
            **clean_environ(),
            "JOBSTREAM_TEST_DATABASE_URL": database_url,
            "HOME": os.environ.get("HOME", "/tmp"),
        },
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
