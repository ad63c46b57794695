"""The Python client: enqueue jobs, follow them, wait for their results.

Over PostgreSQL or over HTTP, with one interface. Knows nothing of handlers but `domain.definition.JobDefinition`.
"""

from jobstream.client.client import Client, connect
from jobstream.client.handle import JobHandle
from jobstream.client.pipelines import Pipeline, PipelineHandle, Step
from jobstream.client.sync import SyncClient, connect_sync
from jobstream.client.sync_handle import SyncJobHandle

__all__ = [
    "Client",
    "JobHandle",
    "Pipeline",
    "PipelineHandle",
    "Step",
    "SyncClient",
    "SyncJobHandle",
    "connect",
    "connect_sync",
]
