"""The duties that one process at a time does for all: `jobstream.maintain()`, at the right moments.

The work itself is in the database; what lives here is who does it, and when. Used by `serve` and by `worker`.
"""

from jobstream.maintenance.maintenance import Maintenance

__all__ = ["Maintenance"]
