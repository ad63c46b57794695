"""Pipelines for code without an event loop; see `pipelines`, which they call."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, Self, TypeVar, Unpack, overload

from jobstream.client.options import EnqueueOptions
from jobstream.client.pipelines import Pipeline, PipelineHandle, Step
from jobstream.client.portal import Caller, iterate
from jobstream.client.sync_handle import SyncJobHandle
from jobstream.domain.definition import JobDefinition
from jobstream.domain.event import Event
from jobstream.domain.pipeline import PipelineWithJobs

ArgsT = TypeVar("ArgsT")
ResultT = TypeVar("ResultT")
ResultT_co = TypeVar("ResultT_co", covariant=True)


class SyncStep(Generic[ResultT_co]):
    """A step of a pipeline. Once the pipeline is made, `job` is its job."""

    def __init__(self, caller: Caller, step: Step[ResultT_co]) -> None:
        """Use `SyncPipeline.step`."""
        self._caller = caller
        self.inner = step
        self.key = step.key

    def __repr__(self) -> str:
        """For people."""
        return repr(self.inner)

    @property
    def job(self) -> SyncJobHandle[ResultT_co]:
        """Its job. Raises RuntimeError within the `with`: it is made when that is left."""
        return SyncJobHandle(self._caller, self.inner.job)


class SyncPipelineHandle:
    """A pipeline that was made: look at it, follow it, wait for it, cancel it, retry it."""

    def __init__(self, caller: Caller, handle: PipelineHandle) -> None:
        """Made by `SyncClient`."""
        self._caller = caller
        self._handle = handle

    @property
    def id(self) -> str:
        """A ULID."""
        return self._handle.id

    def get(self) -> PipelineWithJobs:
        """It and its jobs as they are now. Raises NotFound."""
        return self._caller.call(self._handle.get)

    def events(self) -> Iterator[Event]:
        """What happened to its jobs and to itself, until it has ended. Raises NotFound."""
        return iterate(self._caller, self._handle.events())

    def result(self, timeout: float | None = None) -> dict[str, Any]:
        """What its steps returned, by their keys; waits up to `timeout` seconds.

        Raises JobFailed or JobCancelled of the step that kept it from being done, TimeoutError, NotFound.
        """
        return self._caller.call(lambda: self._handle.result(timeout))

    def cancel(self) -> str:
        """Cancels what has not ended; running steps are asked to stop. The status after."""
        return self._caller.call(self._handle.cancel)

    def retry(self) -> str:
        """Starts anew what failed and what it held up. The status after. Raises Conflict."""
        return self._caller.call(self._handle.retry)


class SyncPipeline(SyncPipelineHandle):
    """A pipeline being made: left without an error, the `with` creates all of its jobs, or none."""

    _handle: Pipeline

    def __init__(self, caller: Caller, pipeline: Pipeline, create: Callable[[], None]) -> None:
        """Use `SyncClient.pipeline`."""
        super().__init__(caller, pipeline)
        self._create = create

    def __enter__(self) -> Self:
        """Nothing is made yet."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Makes the jobs, unless the block failed."""
        if kind is None:
            self._create()

    @overload
    def step(
        self,
        job: JobDefinition[None, ResultT],
        args: None = None,
        *,
        key: str | None = None,
        after: Iterable[SyncStep[Any]] = (),
        **options: Unpack[EnqueueOptions],
    ) -> SyncStep[ResultT]: ...

    @overload
    def step(
        self,
        job: JobDefinition[ArgsT, ResultT],
        args: ArgsT,
        *,
        key: str | None = None,
        after: Iterable[SyncStep[Any]] = (),
        **options: Unpack[EnqueueOptions],
    ) -> SyncStep[ResultT]: ...

    @overload
    def step(
        self,
        job: str,
        args: Any = None,
        *,
        key: str | None = None,
        after: Iterable[SyncStep[Any]] = (),
        **options: Unpack[EnqueueOptions],
    ) -> SyncStep[Any]: ...

    def step(
        self,
        job: JobDefinition[Any, Any] | str,
        args: Any = None,
        *,
        key: str | None = None,
        after: Iterable[SyncStep[Any]] = (),
        **options: Unpack[EnqueueOptions],
    ) -> SyncStep[Any]:
        """Adds a step that starts when all steps in `after` are done. See `Pipeline.step`."""
        before = [step.inner for step in after]
        return SyncStep(self._caller, self._handle.step(job, args, key=key, after=before, **options))
