"""Where the embedded server's data lives when nobody says otherwise."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT_HOME = Path("/var/lib/jobstream")


def default_home(environ: Mapping[str, str]) -> Path:
    """Return the folder for data: `JOBSTREAM_DATA_DIR`, else the place that the platform has for such.

    Root gets /var/lib/jobstream: PostgreSQL refuses to run as root, and the account that it runs as there could
    not reach root's own home without opening it to everybody.
    """
    if given := environ.get("JOBSTREAM_DATA_DIR"):
        return Path(given).expanduser()
    if os.geteuid() == 0:
        return ROOT_HOME
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "jobstream"
    xdg = environ.get("XDG_DATA_HOME", "")
    base = Path(xdg) if xdg.startswith("/") else Path.home() / ".local" / "share"
    return base / "jobstream"
