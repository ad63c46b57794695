"""What the client needs to know of a job that was declared in code.

The object that `@app.job` makes satisfies this; the client never sees more of the registry.
"""

from typing import Protocol, TypeVar

from jobstream.domain.backoff import Backoff

ArgsT_contra = TypeVar("ArgsT_contra", contravariant=True)
ResultT_co = TypeVar("ResultT_co", covariant=True)


class JobDefinition(Protocol[ArgsT_contra, ResultT_co]):
    """A kind of job with the defaults it was declared with, and the types of what goes in and comes out."""

    @property
    def name(self) -> str:
        """The job's kind."""

    @property
    def queue(self) -> str:
        """The queue it goes to unless the caller names another."""

    @property
    def priority(self) -> int:
        """Smaller runs first."""

    @property
    def max_attempts(self) -> int:
        """How many failures end it."""

    @property
    def backoff(self) -> Backoff | None:
        """None for the default of the database."""

    @property
    def timeout(self) -> float | None:
        """Seconds an attempt may take; None for no bound."""

    def encode_args(self, args: ArgsT_contra, /) -> bytes:
        """The arguments as JSON (see `domain.payload.encode_payload`). Raises InvalidArgument, TooLarge."""

    def decode_result(self, text: bytes | str, /) -> ResultT_co:
        """The handler's result from JSON, by its return annotation."""
