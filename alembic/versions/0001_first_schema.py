"""The first schema."""

from jobstream.schema.apply import apply_frozen

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    apply_frozen(__file__)
