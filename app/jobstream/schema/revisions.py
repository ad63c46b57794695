"""The revisions: an ordered list that Alembic keeps, each with its frozen SQL beside it.

A revision never reads sql/: what it did once it does for ever.
"""

from functools import cache
from pathlib import Path

from alembic.config import Config
from alembic.script import Script, ScriptDirectory

from jobstream.schema.locator import alembic_folder

VERSION_TABLE = "schema_version"
VERSION_SCHEMA = "jobstream"


def make_config() -> Config:
    """Return Alembic's settings: there is no alembic.ini."""
    config = Config()
    config.set_main_option("script_location", str(alembic_folder()).replace("%", "%%"))
    return config


@cache
def all_revisions() -> tuple[Script, ...]:
    """Return every revision, the oldest first."""
    directory = ScriptDirectory.from_config(make_config())
    return tuple(reversed(list(directory.walk_revisions())))


def latest_version() -> str:
    """Return the version that this code was written for."""
    return all_revisions()[-1].revision


def frozen_sql(revision: Script) -> str:
    """Return what a revision runs."""
    return Path(revision.path).with_suffix(".sql").read_text()
