"""RFC 3339 at the edge, seconds since the Unix epoch (float) inside."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated

import msgspec

#: A date-time with an offset, as msgspec reads it: the one reading of times there is.
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
#: Four times as fast as `msgspec.convert`, which looks the type up each time.
_moment_of = msgspec.json.Decoder(Moment).decode


def parse_time_s(text: str) -> float:
    """Seconds since the epoch of an RFC 3339 time with offset; ValueError otherwise."""
    try:
        if "\\" in text:
            raise ValueError("an escape of JSON")
        return _moment_of(f'"{text}"').timestamp()
    except (msgspec.MsgspecError, UnicodeEncodeError):
        raise ValueError("not an RFC 3339 date-time with an offset") from None


#: Below its limit a Unix time counts so many a second: seconds reach to the year 5138.
_UNIX_UNITS = ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6))


def unix_time_s(number: float) -> float:
    """Seconds of a Unix time in s, ms, µs or ns, which its size tells apart."""
    size = abs(number)
    return number / next((units for limit, units in _UNIX_UNITS if size < limit), 1e9)


class TimeReader:
    """`parse_time_s` for long runs of times: remembers the minutes it has seen.

    Four times as fast where times end in `Z` and many lie in the same minutes.
    """

    def __init__(self) -> None:
        self._minutes: dict[str, float] = {}

    def read(self, text: str) -> float:
        """Seconds since the epoch; ValueError as `parse_time_s`."""
        minute_s = self._minutes.get(text[:17])
        second = text[17:-1]
        if (
            minute_s is None
            or text[-1] != "Z"
            or len(second) > 9
            or not (second.isascii() and second.replace(".", "", 1).isdigit())
            or not (len(second) == 2 or second.find(".") == 2)
            or second >= "6"
        ):
            return self._learn(text)
        return minute_s + float(second)

    def _learn(self, text: str) -> float:
        time_s = parse_time_s(text)
        if text[-1] == "Z":
            if len(self._minutes) > 10_000:
                self._minutes.clear()
            self._minutes[text[:17]] = parse_time_s(text[:17] + "00Z")
        return time_s


def format_time(time_s: float) -> str:
    """RFC 3339 in UTC with `Z`; fraction (µs) only when there is one."""
    second, micros = _split(time_s)
    return f"{_format_second(second)}.{micros:06}Z" if micros else _format_second(second) + "Z"


def _split(time_s: float) -> tuple[int, int]:
    """Whole seconds and microseconds, rounded alike for text and for PostgreSQL."""
    return divmod(round(time_s * 1e6), 1_000_000)


@lru_cache(maxsize=1024)
def _format_second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).replace(tzinfo=None).isoformat()


@lru_cache(maxsize=16_384)
def format_edge(time_s: float) -> str:
    """`format_time` for times of which few are in use: window edges, broker times."""
    return format_time(time_s)


@lru_cache(maxsize=16_384)
def parse_edge(text: str) -> float:
    """Inverse of `format_edge`."""
    return parse_time_s(text)


def to_datetime(time_s: float) -> datetime:
    """Aware UTC datetime, as PostgreSQL drivers want it."""
    second, micros = _split(time_s)
    return datetime.fromtimestamp(second, UTC).replace(microsecond=micros)
