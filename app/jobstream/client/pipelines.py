"""Pipelines in Python: steps as variables, what comes after what, and the whole in a caller's hands."""

import asyncio
import builtins
from collections.abc import AsyncGenerator, Callable, Iterable
from functools import partial
from typing import Any, Generic, Self, TypeVar, Unpack, overload

from jobstream.client.handle import JobHandle
from jobstream.client.options import EnqueueOptions, new_job
from jobstream.client.transport import Transport
from jobstream.domain.definition import JobDefinition
from jobstream.domain.event import Event
from jobstream.domain.pipeline import NewStep, PipelineWithJobs
from jobstream.errors import JobCancelled, JobFailed, JobStreamError
from jobstream.store.rows import read_json

ArgsT = TypeVar("ArgsT")
ResultT = TypeVar("ResultT")
ResultT_co = TypeVar("ResultT_co", covariant=True)


class Step(Generic[ResultT_co]):
    """A step of a pipeline. Once the pipeline is made, `job` is its job."""

    def __init__(self, pipeline: "Pipeline", key: str, decode: Callable[[str], ResultT_co]) -> None:
        """Use `Pipeline.step`."""
        self.pipeline = pipeline
        self.key = key
        self._decode = decode

    def __repr__(self) -> str:
        """For people."""
        return f"<Step {self.key!r} of pipeline {self.pipeline.name!r}>"

    @property
    def job(self) -> JobHandle[ResultT_co]:
        """Its job. Raises RuntimeError within the `async with`: it is made when that is left."""
        return self.pipeline.job_of(self)

    def handle_on(self, transport: Transport, id: str) -> JobHandle[ResultT_co]:
        """A handle on the job with that id, with this step's type of result."""
        return JobHandle(transport=transport, decode=self._decode, id=id)


class PipelineHandle:
    """A pipeline that was made: look at it, follow it, wait for it, cancel it, retry it."""

    def __init__(self, transport: Transport, id: str) -> None:
        """Asks nothing yet."""
        self._transport = transport
        self._id = id

    @property
    def id(self) -> str:
        """A ULID."""
        return self._id

    async def get(self) -> PipelineWithJobs:
        """It and its jobs as they are now. Raises NotFound."""
        return await self._transport.get_pipeline(self.id)

    def events(self) -> AsyncGenerator[Event, None]:
        """What happened to its jobs and to itself, from its beginning on, until it has ended.

        Resumes by itself after lost connections, without gap or repeat. Raises NotFound.
        """
        return self._transport.pipeline_events(self.id)

    async def result(self, timeout: float | None = None) -> dict[str, Any]:
        """What its steps returned, by their keys; waits up to `timeout` seconds. A step's own, typed: `step.job.result()`.

        Raises JobFailed or JobCancelled of the step that kept it from being done, TimeoutError, NotFound.
        """
        async with asyncio.timeout(timeout):
            async for _ in self.events():
                pass
            pipeline = await self.get()
        if pipeline.status == "done":
            return {job.lineage.pipeline_step or "": job.lifecycle.result for job in pipeline.jobs}
        raise _failure(pipeline)

    async def cancel(self) -> str:
        """Cancels what has not ended; running steps are asked to stop. The status after."""
        return (await self._transport.cancel_pipeline(self.id)).status

    async def retry(self) -> str:
        """Starts anew what failed and what it held up. The status after. Raises Conflict."""
        return (await self._transport.retry_pipeline(self.id)).status


class Pipeline(PipelineHandle):
    """A pipeline being made: left without an error, the `async with` creates all of its jobs, or none.

    A step can only come after steps that are there already, so there is no way to make a circle.
    """

    def __init__(
        self,
        transport: Transport,
        name: str,
        *,
        idempotency_key: str | None,
        owner: str | None,
        connection: Any,
        defaults: EnqueueOptions,
    ) -> None:
        """Use `Client.pipeline`."""
        super().__init__(transport, "")
        self.name = name
        self.idempotent = False
        """Whether an earlier request with the same idempotency key had made it."""
        self._idempotency_key = idempotency_key
        self._owner = owner
        self._connection = connection
        self._defaults = defaults
        self._steps: builtins.list[NewStep] = []
        self._jobs: dict[str, str] = {}
        self._keys: set[str] = set()

    def __repr__(self) -> str:
        """For people."""
        return f"<Pipeline {self.name!r} {self._id or 'being made'}>"

    async def __aenter__(self) -> Self:
        """Nothing is made yet."""
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Makes the jobs, unless the block failed."""
        if kind is None:
            await self.create()

    @property
    def id(self) -> str:
        """A ULID. Raises RuntimeError until it is made."""
        if not self._id:
            raise RuntimeError(f"pipeline {self.name!r} is made when its `async with` is left")
        return self._id

    @overload
    def step(
        self,
        job: JobDefinition[None, ResultT],
        args: None = None,
        *,
        key: str | None = None,
        after: Iterable[Step[Any]] = (),
        **options: Unpack[EnqueueOptions],
    ) -> Step[ResultT]: ...

    @overload
    def step(
        self,
        job: JobDefinition[ArgsT, ResultT],
        args: ArgsT,
        *,
        key: str | None = None,
        after: Iterable[Step[Any]] = (),
        **options: Unpack[EnqueueOptions],
    ) -> Step[ResultT]: ...

    @overload
    def step(
        self,
        job: str,
        args: Any = None,
        *,
        key: str | None = None,
        after: Iterable[Step[Any]] = (),
        **options: Unpack[EnqueueOptions],
    ) -> Step[Any]: ...

    def step(
        self,
        job: JobDefinition[Any, Any] | str,
        args: Any = None,
        *,
        key: str | None = None,
        after: Iterable[Step[Any]] = (),
        **options: Unpack[EnqueueOptions],
    ) -> Step[Any]:
        """Adds a step that starts when all steps in `after` are done (or ended, with `await_for="ended"`).

        `key` names it in events and in its followers' `ctx.upstream`; the job's kind where none is given, with a number
        where that is taken. Raises ValueError for steps of another pipeline and for a key that is taken.
        """
        if self._id:
            raise RuntimeError(f"pipeline {self.name!r} is made already: {self._id}")
        if "idempotency_key" in options:
            raise ValueError(
                "an idempotency key is the whole pipeline's: client.pipeline(name, idempotency_key=…)"
            )
        before = [self._key_of(step) for step in after]
        named = self._new_key(key, job if isinstance(job, str) else job.name)
        request = new_job(job, args, self._defaults | options)
        self._steps.append(NewStep(key=named, after=tuple(before), job=request))
        self._keys.add(named)
        return Step(self, named, read_json if isinstance(job, str) else job.decode_result)

    async def create(self) -> None:
        """What leaving the block does. Raises InvalidArgument, NotFound, KeyReused, KeyBusy."""
        owner = self._defaults.get("owner", "") if self._owner is None else self._owner
        create = self._transport.create_pipeline
        if self._connection is not None:
            create = partial(self._transport.create_pipeline_on, self._connection)
        made = await create(self.name, self._steps, key=self._idempotency_key, owner=owner)
        self._id, self._jobs, self.idempotent = made.id, made.jobs, made.idempotent

    def job_of(self, step: Step[ResultT]) -> JobHandle[ResultT]:
        """The job of a step."""
        return step.handle_on(self._transport, self._jobs[self._key_of(step)] if self.id else "")

    def _key_of(self, step: Step[Any]) -> str:
        if not isinstance(step, Step):
            raise TypeError(
                f"a step comes after steps of its pipeline, not after {step!r}; for jobs: await_jobs"
            )
        if step.pipeline is not self:
            raise ValueError(f"{step!r} is no step of pipeline {self.name!r}")
        return step.key

    def _new_key(self, asked: str | None, kind: str) -> str:
        if asked is not None and asked in self._keys:
            raise ValueError(f"another step of pipeline {self.name!r} bears the key {asked!r}")
        key, number = asked or kind, 1
        while key in self._keys:
            number += 1
            key = f"{kind}-{number}"
        return key


def _failure(pipeline: PipelineWithJobs) -> JobStreamError:
    """The error of the step that kept a pipeline from being done."""
    job = next((job for job in pipeline.jobs if job.lineage.pipeline_step == pipeline.failed_step), None)
    if job is None:
        return JobStreamError(f"pipeline {pipeline.id} ended as {pipeline.status}")
    kind = JobFailed if pipeline.status == "failed" else JobCancelled
    error = kind(job.id, reason=job.lifecycle.reason, last_error=job.retry.last_error)
    error.add_note(f"step {pipeline.failed_step!r} of pipeline {pipeline.name!r} ({pipeline.id})")
    return error
