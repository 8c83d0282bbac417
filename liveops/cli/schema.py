"""`liveops schema`: the JSON Schema of the records that others read from Kafka."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel

from schema.topics import ANALYSIS_COMPLETED, INCIDENTS_DETECTED, INCIDENTS_UPDATED

#: What the header `schema` of a record says.
VERSION = 1
#: Fields that came after the first version: records of before that do not have them.
_LATER = frozenset({"by_hand", "detections_dropped", "peak", "onset", "state"})
_TOLD = {
    INCIDENTS_DETECTED: "An incident that was opened, by detectors or by hand. The key is its id.",
    INCIDENTS_UPDATED: "An incident, whole, after a change: the highest version counts. "
    "The key is its id.",
    ANALYSIS_COMPLETED: "A finished analysis of an incident. The key is the incident's id.",
}

Out = Annotated[
    Path | None, typer.Option(help="Write a file for each topic there instead of one document.")
]


def command(out: Out = None) -> None:
    """Print the JSON Schema of each topic that others read, or write them to a directory."""
    found = schemas()
    if out is None:
        typer.echo(json.dumps(found, indent=2))
        return
    out.mkdir(parents=True, exist_ok=True)
    for topic, schema in found.items():
        path = out / f"{topic}.json"
        path.write_text(written(schema), encoding="utf-8")
        typer.echo(str(path))


def written(schema: dict[str, Any]) -> str:
    """A schema as its file holds it."""
    return json.dumps(schema, indent=2) + "\n"


def schemas() -> dict[str, dict[str, Any]]:
    """The schema of each topic's values; fields that a reader does not know are allowed."""
    from web.models.analysis import AnalysisBody
    from web.models.incidents import IncidentAnswer

    models: dict[str, type[BaseModel]] = {
        INCIDENTS_DETECTED: IncidentAnswer,
        INCIDENTS_UPDATED: IncidentAnswer,
        ANALYSIS_COMPLETED: AnalysisBody,
    }
    found: dict[str, dict[str, Any]] = {}
    for topic, model in models.items():
        schema = model.model_json_schema(mode="serialization")
        for part in (schema, *schema.get("$defs", {}).values()):
            if "required" in part:
                part["required"] = [name for name in part["required"] if name not in _LATER]
        found[topic] = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": f"urn:liveops:{topic}:{VERSION}",
            **schema,
            "title": topic,
            "description": _TOLD[topic],
        }
    return found
