"""One way to speak to jobstream, over the database or over HTTP: commands do not know which.

Guarantees: the same arguments, answers and errors either way. Must not print anything.
"""

from jobstream.cli.gateway.base import Ended, Gateway, Happened, Hello, Reset, StreamItem, StreamLost
from jobstream.cli.gateway.choice import open_gateway

__all__ = [
    "Ended",
    "Gateway",
    "Happened",
    "Hello",
    "Reset",
    "StreamItem",
    "StreamLost",
    "open_gateway",
]
