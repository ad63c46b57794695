"""${message}"""

from jobstream.schema.apply import apply_frozen

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    apply_frozen(__file__)
