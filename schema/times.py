"""RFC 3339 at the edge, seconds since the Unix epoch (float) inside."""

from __future__ import annotations

from datetime import UTC, datetime


def parse_time_s(text: str) -> float:
    """Seconds since the epoch of an RFC 3339 time with offset; ValueError otherwise."""
    if len(text) < 20 or text[10] not in "Tt ":
        raise ValueError("not an RFC 3339 date-time")
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("RFC 3339 date-time without an offset")
    return moment.timestamp()


def format_time(time_s: float) -> str:
    """RFC 3339 in UTC with `Z`; fraction (µs) only when there is one."""
    moment = datetime.fromtimestamp(time_s, UTC)
    kind = "microseconds" if moment.microsecond else "seconds"
    return moment.replace(tzinfo=None).isoformat(timespec=kind) + "Z"


def to_datetime(time_s: float) -> datetime:
    """Aware UTC datetime, as PostgreSQL drivers want it."""
    return datetime.fromtimestamp(time_s, UTC)
