"""The Python client: enqueue jobs, follow them, wait for their results."""

from jobstream.client.client import Client, connect
from jobstream.client.handle import JobHandle

__all__ = ["Client", "JobHandle", "connect"]
