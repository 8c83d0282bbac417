"""What requests to `/api/incidents` ask for: filters, changes, versions."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from liveops.errors import InvalidInput, Issue
from liveops.postgres.incidents import IncidentFilter
from schema.incidents import SEVERITIES, STATUSES
from web.models.incidents import IncidentPatch
from web.paging import PAGE, decode_place
from web.query_params import invalid, service_of, time_of
from web.routing import Query, one_of

#: Fields of a PATCH that null clears; null elsewhere is invalid.
_CLEARABLE = frozenset({"assignee"})
#: Which incidents are meant, in the list and in its summary.
FILTERS = (
    Query("status", "Several may be given", repeated=True, schema=one_of(STATUSES)),
    Query("severity", "Several may be given", repeated=True, schema=one_of(SEVERITIES)),
    Query("service", "Main or affected service"),
    Query("from", "Detected at or after, RFC 3339"),
    Query("to", "Detected before, RFC 3339"),
    Query("q", "Text in title, description or names of services, in any case"),
)
#: Parameters of the list.
LISTED = (*FILTERS, *PAGE)


def patch_values(body: IncidentPatch) -> dict[str, Any]:
    """The fields that a PATCH names; raises InvalidInput."""
    values = {name: getattr(body, name) for name in body.model_fields_set}
    for name, value in values.items():
        if value is None and name not in _CLEARABLE:
            raise InvalidInput(f"{name} is null", [Issue([name], "must not be null")])
    if "affected_services" in values:
        values["affected_services"] = list(dict.fromkeys(values["affected_services"]))
    return values


def filter_of(request: web.Request) -> IncidentFilter:
    """Which incidents are asked for; raises InvalidInput, BadCursor."""
    text = request.query.get("q")
    if text is not None and ("\x00" in text or len(text) > 200):
        raise invalid("q", "at most 200 characters, no NUL")
    return IncidentFilter(
        _chosen(request, "status", STATUSES),
        _chosen(request, "severity", SEVERITIES),
        service_of(request),
        time_of(request, "from", 0.0) if "from" in request.query else None,
        time_of(request, "to", 0.0) if "to" in request.query else None,
        text,
        decode_place(request),
    )


def _chosen(request: web.Request, name: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """The values of a parameter that may be given several times."""
    values = tuple(dict.fromkeys(request.query.getall(name, [])))
    if not set(values) <= set(known):
        raise invalid(name, f"one of {', '.join(known)}")
    return values
