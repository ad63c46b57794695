"""The schema's way into a database: finds sql/ and alembic/, upgrades, prints, reports what is behind.

Guarantees: a migration is one transaction; two at once are safe, twice is harmless. Must not know jobs, HTTP or the
worker.
"""

from jobstream.schema.locator import alembic_folder, sql_folder
from jobstream.schema.migrate import Migration, MigrationFailed, migrate, migration_sql
from jobstream.schema.rebase import rebase_events
from jobstream.schema.revisions import latest_version
from jobstream.schema.script import listed_files, read_script, without_roles
from jobstream.schema.state import SchemaState, check_events, check_schema, compare, schema_version

__all__ = [
    "Migration",
    "MigrationFailed",
    "SchemaState",
    "alembic_folder",
    "check_events",
    "check_schema",
    "compare",
    "latest_version",
    "listed_files",
    "migrate",
    "migration_sql",
    "read_script",
    "rebase_events",
    "schema_version",
    "sql_folder",
    "without_roles",
]
