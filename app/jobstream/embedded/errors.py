"""What can go wrong with the embedded server; each message says what to do about it."""

from jobstream.errors import JobStreamError


class EmbeddedPostgresError(JobStreamError):
    """The embedded PostgreSQL cannot be found, started, shared or stopped."""
