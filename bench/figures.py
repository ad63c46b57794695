"""Figures as the benches print them."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Quantiles:
    """Of some durations, in seconds."""

    p50: float
    p95: float
    p99: float
    most: float


def quantiles(durations: Sequence[float]) -> Quantiles:
    """Return the quantiles of durations, of which there must be one at least."""
    ranked = sorted(durations)

    def at(share: float) -> float:
        return ranked[min(len(ranked) - 1, int(share * len(ranked)))]

    return Quantiles(at(0.5), at(0.95), at(0.99), ranked[-1])


def milliseconds(of: Quantiles) -> str:
    """Print them in milliseconds."""
    return f"p50 {of.p50 * 1e3:6.2f}  p95 {of.p95 * 1e3:6.2f}  p99 {of.p99 * 1e3:6.2f}  max {of.most * 1e3:6.2f} ms"
