"""What a revision calls: run the frozen SQL beside it, on the driver's own connection.

SQLAlchemy's asyncpg dialect prepares what it runs, and only one statement can be prepared at a time; the driver's
own `execute` takes a whole script. It runs inside the transaction that Alembic has begun.
"""

from pathlib import Path

from alembic import op
from sqlalchemy.util import await_only

from jobstream.schema.script import without_roles

ROLES = "jobstream_roles"


def apply_frozen(revision_file: str) -> None:
    """Run `<name>.sql` beside `<name>.py`; without its roles if the caller said so."""
    context = op.get_context()
    script = Path(revision_file).with_suffix(".sql").read_text()
    if not context.opts.get(ROLES, True):
        script = without_roles(script)
    bind = op.get_bind()
    driver = bind.connection.driver_connection
    assert driver is not None, "a revision runs on an open connection"
    await_only(driver.execute(script))
