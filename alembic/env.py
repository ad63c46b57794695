"""Alembic's entry: runs the revisions on the connection that jobstream.schema has opened, inside its transaction."""

from alembic import context

from jobstream.schema.apply import ROLES
from jobstream.schema.revisions import VERSION_SCHEMA, VERSION_TABLE

attributes = context.config.attributes
if "connection" not in attributes:
    raise SystemExit("revisions are run by `jobstream migrate`, which brings the connection")

context.configure(
    connection=attributes["connection"],
    version_table=VERSION_TABLE,
    version_table_schema=VERSION_SCHEMA,
    **{ROLES: attributes[ROLES]},
)
with context.begin_transaction():
    context.run_migrations()
