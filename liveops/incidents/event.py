"""An incident as the event that tells of it, of bounded size whatever its strings."""

from __future__ import annotations

import orjson

from schema.incidents import Incident, public_incident

#: A broker takes records up to 1 MB; consumers should not have to.
MAX_EVENT_BYTES = 256 * 1024
#: Left for what surrounds the record.
_TARGET_BYTES = MAX_EVENT_BYTES - 1024
_FIRST = 20
_SERVICES = 500
_DESCRIPTION_CHARS = 20_000


def incident_event(incident: Incident) -> bytes:
    """The JSON of the incident; detections are left out, and counted, when it is too large.

    The earliest stay, then the newest. `affected_services` and `description` are cut only
    when they alone are too much.
    """
    public = public_incident(incident)
    value = orjson.dumps(public)
    if len(value) <= _TARGET_BYTES:
        return value
    detections = public["detections"]
    public |= {"detections": [], "affected_services": public["affected_services"][:_SERVICES],
               "description": public["description"][:_DESCRIPTION_CHARS]}  # fmt: skip
    room = _TARGET_BYTES - len(orjson.dumps(public))
    kept: list[int] = []
    first = range(min(_FIRST, len(detections)))
    newest = range(len(detections) - 1, len(first) - 1, -1)
    for place in (*first, *newest):
        room -= len(orjson.dumps(detections[place])) + 1
        if room < 0:
            break
        kept.append(place)
    public["detections"] = [detections[place] for place in sorted(kept)]
    public["detections_dropped"] += len(detections) - len(kept)
    return orjson.dumps(public)
