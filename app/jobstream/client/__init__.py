"""The Python client: enqueue jobs, follow them, wait for their results.

Over PostgreSQL or over HTTP, with one interface. Knows nothing of handlers but `domain.definition.JobDefinition`.
"""

from jobstream.client.client import Client, connect
from jobstream.client.handle import JobHandle

__all__ = ["Client", "JobHandle", "connect"]
