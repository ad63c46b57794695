"""A real PostgreSQL for one machine: what `jobstream dev`, the demo and the tests run on when no URL is given.

Guarantees: several processes share one server; the last one out stops it; a user or a server that was killed
is noticed by whoever comes next; modes of folders that are not ours are never changed. Must not know the schema,
the driver or any setting of jobstream.
"""

from jobstream.embedded.binaries import Binaries, find_binaries
from jobstream.embedded.errors import EmbeddedPostgresError
from jobstream.embedded.home import default_home
from jobstream.embedded.server import EmbeddedServer, remove_data, running_url

__all__ = [
    "Binaries",
    "EmbeddedPostgresError",
    "EmbeddedServer",
    "default_home",
    "find_binaries",
    "remove_data",
    "running_url",
]
