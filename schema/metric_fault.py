"""Why an object is no metric."""

from __future__ import annotations

import re

import msgspec


class MetricFault(Exception):
    """Why an object is no metric: `loc` is the field path, `msg` the reason."""

    def __init__(self, loc: list[str | int], msg: str, reason: str = "invalid") -> None:
        super().__init__(msg)
        self.loc = loc
        self.msg = msg
        self.reason = reason


def fault_of(error: msgspec.ValidationError) -> MetricFault:
    """The fault of an object that is not of the right form."""
    return MetricFault(*_where(str(error)))


_PATH = re.compile(r" - at `(?:key in )?\$([^`]*)`$")


def _where(message: str) -> tuple[list[str | int], str]:
    """Split msgspec's "what - at `$.path`" into a location and a message."""
    found = _PATH.search(message)
    if not found:
        unknown = re.search(r"unknown field `([^`]*)`", message)
        missing = re.search(r"required field `([^`]*)`", message)
        name = unknown or missing
        return ([name.group(1)] if name else []), message
    loc: list[str | int] = [part for part in re.split(r"[.\[\]]+", found.group(1)) if part]
    return loc, message[: found.start()]
