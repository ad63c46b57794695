"""A pipeline as a value: jobs that depend on each other."""

from datetime import datetime

from msgspec import Struct

from jobstream.domain.job import Job


class Pipeline(Struct, frozen=True, kw_only=True):
    """How far it is. `step`: steps done; `current`: keys of those that are pending, running or failed."""

    id: str
    name: str
    owner: str
    status: str
    step: int
    total_steps: int
    current: list[str]
    failed_step: str | None
    created_at: datetime
    completed_at: datetime | None


class PipelineWithJobs(Pipeline, frozen=True, kw_only=True):
    """The same with its jobs, in the order of their ids."""

    jobs: list[Job]


class PipelineOutcome(Struct, frozen=True, kw_only=True):
    """The answer to a verb: the status afterwards."""

    id: str
    status: str
