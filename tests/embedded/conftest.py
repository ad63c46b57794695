"""A folder for an embedded server of the test's own, ended whatever the test did to it."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobstream.embedded.postmaster import read_postmaster
from tests.support.waiting import eventually_sync


@pytest.fixture
def home() -> Iterator[Path]:
    """Directly under the temporary folder: root's server account could not enter pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="jobstream-home-"))
    folder.chmod(0o711)
    yield folder
    for data in folder.glob("postgres-*/data"):
        server = read_postmaster(data)
        if server is not None:
            os.kill(server.pid, signal.SIGQUIT)
            eventually_sync(lambda data=data: read_postmaster(data) is None)
    shutil.rmtree(folder)
