"""The schema's way into a database: finds sql/ and alembic/, installs, upgrades, reports what is behind.

Guarantees: two processes that migrate at once are safe, twice is harmless. Must not know jobs, HTTP or the worker.
"""

from jobstream.schema.locator import alembic_folder, sql_folder
from jobstream.schema.script import listed_files, read_script

__all__ = ["alembic_folder", "listed_files", "read_script", "sql_folder"]
