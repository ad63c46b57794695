"""A folder for an embedded server of the test's own, ended whatever the test did to it."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.servers import end_server


@pytest.fixture
def home() -> Iterator[Path]:
    """Directly under the temporary folder: root's server account could not enter pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="jobstream-home-"))
    folder.chmod(0o711)
    yield folder
    for data in folder.glob("postgres-*/data"):
        end_server(data)
    shutil.rmtree(folder)
