"""Messages, and a source that holds them in memory: what the hub is given, without a database."""

from jobstream.hub import Facets, Hub, Message, Step

DIMENSIONS = ("job_id", "label", "queue", "status")


def message(number: int, *, size: int = 10, **facets: str | tuple[str, ...]) -> Message:
    """A message with these facets: `message(1, queue="images", label=("a", "b"))`."""
    found: Facets = {
        name: (values,) if isinstance(values, str) else values for name, values in facets.items()
    }
    return Message(number=number, xid=number, token=str(number), facets=found, own=b"", shared=b"x" * size)


def hub_at(position: int = 0) -> Hub[int]:
    """A hub whose positions are plain numbers."""
    hub: Hub[int] = Hub(dimensions=DIMENSIONS)
    hub.resume(position)
    return hub


def publish(hub: Hub[int], *messages: Message) -> None:
    """One whole batch; its last number is the position after it."""
    position = messages[-1].number
    hub.publish(messages, position)
    hub.finish(position)
    hub.wake()


class Numbers:
    """A source of messages 1, 2, 3, …: as many as were `written`."""

    def __init__(self) -> None:
        self.written = 0
        self.page = 100
        self.failures: list[Exception] = []
        self.lost_before = 0
        self.steps = 0
        self.is_muted = False
        self._target: int | None = None

    async def now(self) -> int:
        return self.written

    async def step(self, position: int) -> Step[int] | None:
        self.steps += 1
        if self.failures:
            raise self.failures.pop(0)
        if position < self.lost_before:
            return None
        # A batch ends where it was going to end when it began.
        target = self._target or self.written
        upto = min(target, position + self.page)
        self._target = target if upto < target else None
        messages = [message(number, queue="q") for number in range(position + 1, upto + 1)]
        return Step(messages, upto, lambda message: message.number, self._target)

    async def muted(self) -> bool:
        return self.is_muted
