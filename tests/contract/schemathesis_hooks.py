"""What schemathesis has to know of our documents beside what they say; it imports this itself."""

from __future__ import annotations

import json
from typing import Any

import schemathesis


@schemathesis.serializer("application/x-protobuf")
def some_bytes(_: Any, value: Any) -> bytes:
    """Bytes that are no message, or by chance one."""
    return value if isinstance(value, bytes) else json.dumps(value, default=str).encode()


@schemathesis.hook
def before_call(_: Any, case: schemathesis.Case[Any], _kwargs: dict[str, Any]) -> None:
    """Bad metrics are refused, but not with `partial`; bad alerts, but not beside good ones."""
    if case.path == "/api/metrics" and case.query:
        case.query.pop("partial", None)
    if case.path == "/api/alerts/alertmanager" and isinstance(case.body, dict):
        alerts = case.body.get("alerts")
        if isinstance(alerts, list):
            case.body["alerts"] = alerts[:1]
