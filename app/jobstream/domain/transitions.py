"""What a job may become, as a table (contract §1).

The database refuses everything else; this table is what the tests hold against it and what diagrams are drawn from.
"""

from typing import Final

from jobstream.domain.job import Status

_W, _P, _R = Status.WAITING, Status.PENDING, Status.RUNNING
_F, _D, _Q, _C = Status.FAILED, Status.DONE, Status.DLQ, Status.CANCELLED

FIRST: Final = frozenset({_W, _P, _C})
"""What a job may be when it is created."""

TRANSITIONS: Final[dict[Status, frozenset[Status]]] = {
    _W: frozenset({_P, _C, _Q}),
    _P: frozenset({_R, _W, _C, _Q}),
    _R: frozenset({_D, _F, _Q, _C, _P, _W}),
    _F: frozenset({_P, _C, _Q}),
    _D: frozenset({_P, _W}),
    _Q: frozenset({_P, _W}),
    _C: frozenset({_P, _W}),
}
"""For each status, those that may follow it. Staying the same is no change."""

ONLY_BY_CLAIM: Final = frozenset({(_P, _R)})
"""Changes that plain SQL may not make: only `claim` hands out a lease."""


def may_become(current: Status, following: Status) -> bool:
    """Whether a job of the first status may change to the second."""
    return following in TRANSITIONS[current]


def diagram() -> str:
    """The table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2"]
    lines += [f"    [*] --> {status}" for status in Status if status in FIRST]
    lines += [
        f"    {before} --> {after}" for before in Status for after in Status if may_become(before, after)
    ]
    return "\n".join(lines) + "\n"
