"""How many jobs to claim, from which queues, and where the scan begins: pure arithmetic for the fetcher."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct

from jobstream.domain.job import ClaimedJob

MAX_CLAIM = 1_000
"""Jobs in one claim: [design §3] batches of 500 to 1,000 are where the database's rate levels off."""

MAX_PREFETCH = 1_000
PREFETCH_SECONDS = 0.1
"""Jobs are claimed ahead of room only as far as they start within this time at the rate just seen."""

MAX_UNREPORTED = 4_000
"""Ended but not yet stored: beyond this nothing more is claimed until the database has caught up."""


class QueueShare(Struct, frozen=True):
    """A queue that a worker serves, and how many of its jobs it may hold at a time (None: no bound of its own).

    `weight`: its share of the slots while queues with a weight have more jobs than there are slots for. Without
    weights the first queue comes first.
    """

    name: str
    limit: int | None = None
    weight: int | None = None


class Claim(Struct, frozen=True):
    """One call of `claim`: from these queues, in this order, at most so many."""

    queues: tuple[str, ...]
    limit: int


class Load(Struct, frozen=True, kw_only=True):
    """What a worker holds just now. `rate`: jobs that ended a second, lately."""

    running: int
    waiting: int
    unreported: int = 0
    rate: float = 0.0


def room_for(concurrency: int, load: Load) -> int:
    """How many jobs to claim now; 0 for none.

    Slots that are free are always filled. Beyond them the store of waiting jobs is filled up only once half of it is
    used, so that a busy worker claims in batches rather than one for each job that ends.
    """
    if load.unreported >= MAX_UNREPORTED:
        return 0
    free = max(0, concurrency - load.running)
    prefetch = min(MAX_PREFETCH, int(load.rate * PREFETCH_SECONDS))
    missing = free + prefetch - load.waiting
    if missing <= 0 or (free <= load.waiting and load.waiting > prefetch // 2):
        return 0
    return min(MAX_CLAIM, missing)


def plan_claims(queues: Sequence[QueueShare], held: Mapping[str, int], room: int) -> list[Claim]:
    """The claims that fill `room`, in the order of the queues; those without a bound of their own share one."""
    claims: list[Claim] = []
    together: list[str] = []
    for queue in queues:
        if queue.limit is None:
            together.append(queue.name)
            continue
        if together:
            claims.append(Claim(tuple(together), room))
            together = []
        own = min(room, queue.limit - held.get(queue.name, 0))
        if own > 0:
            claims.append(Claim((queue.name,), own))
    if together:
        claims.append(Claim(tuple(together), room))
    return claims if room > 0 else []


class Turns:
    """Whose turn it is among queues with weights: 3 and 1 gives A A B A, over rounds of any size."""

    def __init__(self, queues: Sequence[QueueShare]) -> None:
        """Everybody's turn is as near. Queues without a weight, where others have one, count as 1."""
        self._weights = {queue.name: queue.weight or 1 for queue in queues}
        self._credit = dict.fromkeys(self._weights, 0)
        self.are_taken = any(queue.weight is not None for queue in queues)

    def take(self, room: int, among: Collection[str]) -> Counter[str]:
        """So many turns, in proportion; what is not among these queues has none."""
        turns: Counter[str] = Counter()
        weights = {name: weight for name, weight in self._weights.items() if name in among}
        total = sum(weights.values())
        for _ in range(room if weights else 0):
            for name, weight in weights.items():
                self._credit[name] += weight
            chosen = max(weights, key=self._credit.__getitem__)
            self._credit[chosen] -= total
            turns[chosen] += 1
        return turns


def plan_turns(
    queues: Sequence[QueueShare], held: Mapping[str, int], room: int, turns: Turns, dry: Collection[str]
) -> list[Claim]:
    """The claims that fill `room` by weight: each queue's turns, which the others use where it has too few jobs.

    A queue with a bound uses its own turns alone; `dry` are those of them that were just seen to have no more.
    """
    free = {q.name: q.limit - held.get(q.name, 0) for q in queues if q.limit is not None}
    unbounded = [queue.name for queue in queues if queue.limit is None]
    among = {*unbounded, *(name for name, left in free.items() if left > 0 and name not in dry)}
    claims = []
    for name, count in turns.take(room, among).items():
        if name in free:
            claims.append(Claim((name,), min(count, free[name])))
        else:
            claims.append(Claim((name, *(other for other in unbounded if other != name)), count))
    return claims


class Positions:
    """The last position claimed in each queue, as the lower bound of the next scan (design §5).

    Dead index entries in front of it are not walked again. What becomes pending before it (a retry, a smaller
    priority) is found by a full scan, at most `every` seconds later; a scan that is slower than other claims is made
    rarer, so that what it takes beyond them is never more than a fiftieth of the time (a twentieth, with the claims' own
    time counted, cost a tenth of the rate under an old snapshot).
    """

    def __init__(self, *, every: float = 0.5) -> None:
        """`every` in seconds."""
        self._every = every
        self._last: dict[str, tuple[int, str]] = {}
        self._full_at = float("-inf")
        self._usual = 0.0

    def after(self, now: float) -> dict[str, tuple[int, str]] | None:
        """What to pass as `after`; None for a full scan."""
        return self._last if self._last and now < self._full_at else None

    def claimed(self, jobs: Sequence[ClaimedJob], *, full: bool, took: float, now: float) -> None:
        """Note what a claim brought, whether it was a full scan, and the seconds that it took."""
        if full:
            self._full_at = now + max(self._every, 50 * (took - self._usual))
        else:
            self._usual = took
        last: dict[str, tuple[int, str]] = {}
        for job in jobs:
            position = (job.priority, job.id)
            if position > last.get(job.queue, _BEFORE_ALL):
                last[job.queue] = position
        self._last |= last


_BEFORE_ALL = (-(2**31), "")


class Rate:
    """Jobs that end in a second: a moving average over about a quarter of a second."""

    def __init__(self, *, over: float = 0.25) -> None:
        """`over` in seconds."""
        self._over = over
        self._ended = 0
        self._since: float | None = None
        self.value = 0.0

    def ended(self, count: int = 1) -> None:
        """So many more have ended."""
        self._ended += count

    def at(self, now: float) -> float:
        """The rate by now."""
        if self._since is None:
            self._since = now
        elapsed = now - self._since
        if elapsed >= 0.005:
            weight = min(1.0, elapsed / self._over)
            self.value += weight * (self._ended / elapsed - self.value)
            self._ended, self._since = 0, now
        return self.value
