"""Query parameters of the history routes: names, spans of time, windows."""

from __future__ import annotations

import re
from collections.abc import Callable

from aiohttp import web

from liveops.errors import InvalidInput, Issue
from schema.metrics import is_metric_type, is_service_name
from schema.times import parse_time_s

#: Times at or after this (year 2096) are out of range.
FAR_FUTURE_S = 4e9


def invalid(name: str, why: str) -> InvalidInput:
    """The 422 of one query parameter."""
    return InvalidInput(f"{name}: {why}", [Issue(["query", name], why)])


def service_of(request: web.Request) -> str | None:
    """The `service` parameter."""
    return _name(request, "service", is_service_name)


def needed_service_of(request: web.Request) -> str:
    """The `service` parameter, which must be given."""
    name = service_of(request)
    if name is None:
        raise invalid("service", "is required")
    return name


def metric_of(request: web.Request) -> str | None:
    """The `metric` parameter."""
    return _name(request, "metric", is_metric_type)


#: Values of a parameter that may be repeated.
MAX_REPEATED = 100


def services_of(request: web.Request, *, needed: bool = True) -> tuple[str, ...]:
    """The `service` parameter, repeated where several are asked for; at least one if needed."""
    names = _names(request, "service", is_service_name)
    if needed and not names:
        raise invalid("service", "is required")
    return names


def metrics_of(request: web.Request) -> tuple[str, ...]:
    """The `metric` parameter, repeated or not given."""
    return _names(request, "metric", is_metric_type)


def _names(request: web.Request, name: str, is_good: Callable[[str], bool]) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(request.query.getall(name, [])))
    if not all(is_good(text) for text in names):
        raise invalid(name, "not a valid name")
    if len(names) > MAX_REPEATED:
        raise invalid(name, f"at most {MAX_REPEATED}")
    return names


def list_of(request: web.Request, name: str) -> list[str]:
    """A parameter of several values, repeated or separated by commas."""
    return [part for text in request.query.getall(name, []) for part in text.split(",") if part]


def _name(request: web.Request, name: str, is_good: Callable[[str], bool]) -> str | None:
    text = request.query.get(name)
    if text is not None and not is_good(text):
        raise invalid(name, "not a valid name")
    return text


def time_of(request: web.Request, name: str, default_s: float) -> float:
    """An RFC 3339 time or Unix seconds."""
    text = request.query.get(name)
    if text is None:
        return default_s
    try:
        # A plus sign of an offset arrives as a space when a client did not encode it.
        value = float(text) if _is_number(text) else parse_time_s(text.replace(" ", "+"))
    except (ValueError, OverflowError):
        raise invalid(name, "not an RFC 3339 time") from None
    if not 0 <= value < FAR_FUTURE_S:
        raise invalid(name, "out of range")
    return value


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\d{1,12}(\.\d+)?", text) is not None


def span_of(request: web.Request, now_s: float, default_s: float) -> tuple[float, float]:
    """[from, to) in epoch seconds; the last `default_s` seconds unless given."""
    to_s = time_of(request, "to", now_s + 900.0)
    from_s = time_of(request, "from", min(to_s, now_s) - default_s)
    if from_s > to_s:
        raise invalid("from", "after `to`")
    return from_s, to_s
