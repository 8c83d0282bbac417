"""Which incidents must be there: one for each service that broke its rule."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

import orjson

from tests.chaos.compare import Difference
from tests.chaos.log import DETECTED, Log
from tests.chaos.reference import Expected, WindowKey
from tests.chaos.traffic import LEVEL_LIMIT, LEVELS
from tests.client import Client

Json = dict[str, Any]
Pair = tuple[str, str]
PAGE = 500


async def only_our_rules(client: Client) -> dict[str, str]:
    """Remove the default rules, add ours; rule id by metric type."""
    for rule in (await client.get(f"/api/rules?limit={PAGE}"))["items"]:
        answer = await client.call("DELETE", f"/api/rules/{rule['id']}")
        assert answer.status == 204, answer
    made: dict[str, str] = {}
    for level in LEVELS:
        body = {
            "name": f"{level} too high",
            "kind": "threshold",
            "service": "chaos-*",
            "metric": level,
            "window": "1m",
            "field": "max",
            "op": ">",
            "value": LEVEL_LIMIT,
            "severity": "high",
        }
        answer = await client.call("POST", "/api/rules", json=body)
        assert answer.status == 201, answer
        made[level] = answer.body["id"]
    return made


def expected_pairs(windows: Mapping[WindowKey, Expected]) -> set[Pair]:
    """(service, metric type) of every series that broke its rule, as the log says."""
    return {
        (service, series[0])
        for (service, series, window, _), got in windows.items()
        if window == "1m" and series[0] in LEVELS and got.max > LEVEL_LIMIT
    }


async def all_incidents(client: Client) -> list[Json]:
    """Every incident, by the pages of the API."""
    found: list[Json] = []
    cursor: str | None = ""
    while cursor is not None:
        more = f"&cursor={cursor}" if cursor else ""
        page = await client.get(f"/api/incidents?limit={PAGE}{more}")
        found += page["items"]
        cursor = page["next_cursor"]
    return found


def pairs_of(incident: Json) -> set[Pair]:
    """(service, metric type) of the detections of an incident."""
    return {(d["service_name"], d["metric_type"]) for d in incident["detections"]}


def compare_incidents(expected: set[Pair], incidents: list[Json]) -> list[Difference]:
    """One incident for each pair, resolved as the values are well again; no others."""
    found: dict[Pair, list[Json]] = defaultdict(list)
    for incident in incidents:
        for pair in pairs_of(incident):
            found[pair].append(incident)
    differences = [
        Difference("incidents", " ".join(pair), "one incident", len(found.get(pair, ())))
        for pair in sorted(expected)
        if len(found.get(pair, ())) != 1
    ]
    differences += [
        Difference("incidents", " ".join(pair), "none", [i["title"] for i in found[pair]])
        for pair in sorted(found.keys() - expected)
    ]
    return differences + [
        Difference("incidents", incident["title"], "resolved", incident["status"])
        for incident in incidents
        if incident["status"] != "resolved"
    ]


async def announced(log: Log) -> list[Json]:
    """Everything on `incidents.detected`."""
    return [orjson.loads(record.value) for record in await log.read(DETECTED)]


def compare_announced(incidents: list[Json], events: list[Json]) -> list[Difference]:
    """Each incident was announced, under one version; the same event again is allowed."""
    versions: dict[str, set[int]] = defaultdict(set)
    for event in events:
        versions[event["id"]].add(event["version"])
    known = {incident["id"]: incident["title"] for incident in incidents}
    differences = [
        Difference("detected", f"{known.get(identity, '')} {identity}", "one event", len(found))
        for identity, found in versions.items()
        if len(found) != 1 or identity not in known
    ]
    return differences + [
        Difference("detected", f"{title} {identity}", "one event", "none")
        for identity, title in known.items()
        if identity not in versions
    ]


def repeated_events(events: list[Json]) -> int:
    """Events on `incidents.detected` that were there before."""
    counted = Counter((event["id"], event["version"]) for event in events)
    return sum(number - 1 for number in counted.values())
