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
from web.routing import Query

#: Fields of a PATCH that null clears; null elsewhere is invalid.
_CLEARABLE = frozenset({"assignee"})
#: Parameters of the list.
FILTERS = (
    Query("status", "open, acknowledged or resolved"),
    Query("severity", "critical, high, medium or low"),
    Query("service", "Main or affected service"),
    Query("from", "Detected at or after, RFC 3339"),
    Query("to", "Detected before, RFC 3339"),
    Query("q", "Text in title or description"),
    *PAGE,
)


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
    status, severity = request.query.get("status"), request.query.get("severity")
    if status is not None and status not in STATUSES:
        raise invalid("status", f"one of {', '.join(STATUSES)}")
    if severity is not None and severity not in SEVERITIES:
        raise invalid("severity", f"one of {', '.join(SEVERITIES)}")
    text = request.query.get("q")
    if text is not None and ("\x00" in text or len(text) > 200):
        raise invalid("q", "at most 200 characters, no NUL")
    return IncidentFilter(
        status,
        severity,
        service_of(request, needed=False),
        time_of(request, "from", 0.0) if "from" in request.query else None,
        time_of(request, "to", 0.0) if "to" in request.query else None,
        text,
        decode_place(request),
    )
