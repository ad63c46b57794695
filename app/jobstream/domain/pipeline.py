"""A pipeline as a value: jobs that depend on each other."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from jobstream.domain.job import Job, NewJob

ENDED: Final = frozenset({"done", "failed", "cancelled"})
"""The statuses in which nothing more happens unless somebody retries it."""


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


class PipelineFilter(Struct, frozen=True, kw_only=True, tag="pipelines"):
    """Which pipelines are meant: any of the statuses, or all."""

    status: tuple[str, ...] = ()


class PipelineOutcome(Struct, frozen=True, kw_only=True):
    """The answer to a verb: the status afterwards."""

    id: str
    status: str


class NewStep(Struct, frozen=True, kw_only=True):
    """A step to be made: its job, and the keys of the steps that must have ended first."""

    key: str
    after: tuple[str, ...]
    job: NewJob


class PipelineCreated(Struct, frozen=True, kw_only=True):
    """A pipeline's id, and the ids of its jobs by the keys of their steps."""

    id: str
    jobs: dict[str, str]
    idempotent: bool


class StepFault(Struct, frozen=True):
    """What is wrong with the order of steps: in which step, at which place of its `after` (None: its key)."""

    step: int
    place: int | None
    detail: str


def order_fault(steps: Sequence[tuple[str, Sequence[str]]]) -> StepFault | None:
    """What keeps steps, given as (key, after), from being a pipeline: a key twice, an unknown one, a circle."""
    keys: set[str] = set()
    for number, (key, _) in enumerate(steps):
        if key in keys:
            return StepFault(number, None, "another step bears this key")
        keys.add(key)
    for number, (_, after) in enumerate(steps):
        for place, key in enumerate(after):
            if key not in keys:
                return StepFault(number, place, f"no step bears the key {key}")
    return _circle(steps)


def _circle(steps: Sequence[tuple[str, Sequence[str]]]) -> StepFault | None:
    left = {number: (key, after) for number, (key, after) in enumerate(steps)}
    ready: set[str] = set()
    while left:
        free = {number for number, (_, after) in left.items() if ready.issuperset(after)}
        if not free:
            return _closing(left, ready)
        ready.update(left.pop(number)[0] for number in free)
    return None


def _closing(left: dict[int, tuple[str, Sequence[str]]], ready: set[str]) -> StepFault:
    """A step on a circle: whoever waits is followed to what it waits for, until one comes up again."""
    numbers = {key: number for number, (key, _) in left.items()}
    number, met = next(iter(left)), set[int]()
    while number not in met:
        met.add(number)
        number = numbers[next(key for key in left[number][1] if key not in ready)]
    after = left[number][1]
    place = next(place for place, key in enumerate(after) if key not in ready)
    return StepFault(number, place, "the steps wait for each other in a circle")
