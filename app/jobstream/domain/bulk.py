"""Bulk operations as values."""

from datetime import datetime
from typing import Any

from msgspec import Struct


class Started(Struct, frozen=True, kw_only=True):
    """How many jobs an operation is about. `id` is None for a dry run."""

    id: str | None
    matched: int


class Bulk(Struct, frozen=True, kw_only=True):
    """How far an operation is. `skipped`: had moved on before their turn came."""

    id: str
    action: str
    filter: Any
    matched: int
    done: int
    skipped: int
    status: str
    by: str | None
    created_at: datetime
    completed_at: datetime | None
