"""What is wrong with a record or an item of it, and where that record lies. Pure."""

from __future__ import annotations

from dataclasses import dataclass

#: Faults of one record that are told one by one; the last tells how many more there are.
MAX_FAULTS = 20


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record lies in the log and when the broker took it (epoch seconds)."""

    topic: str
    partition: int
    offset: int
    append_s: float


@dataclass(slots=True)
class Fault:
    """A record, or item `index` of it, that is no metric; `payload` is that item as sent.

    `more` counts further bad items of the record that no fault tells.
    """

    reason: str
    index: int | None
    detail: str
    payload: bytes | None = None
    more: int = 0
