"""Rules over HTTP: created, read, replaced and deleted; a field is accepted only if obeyed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.client import Client

pytestmark = pytest.mark.integration

BODY: dict[str, Any] = {
    "name": "slow", "kind": "threshold", "op": ">", "value": 100, "service": "x",
}  # fmt: skip


async def test_rules_are_created_listed_and_deleted(engineer: Client) -> None:
    defaults = (await engineer.get("/api/rules"))["items"]
    assert {"ensemble", "no_data"} <= {rule["kind"] for rule in defaults}
    body = {"name": "slow", "kind": "threshold", "op": ">", "value": 100, "service": "x"}
    made = await engineer.call("POST", "/api/rules", json=body)
    assert made.status == 201, made
    assert made.body["id"] in [rule["id"] for rule in (await engineer.get("/api/rules"))["items"]]
    path = f"/api/rules/{made.body['id']}"
    assert (await engineer.call("DELETE", path)).status == 204
    assert (await engineer.call("DELETE", path)).status == 404
    bad = await engineer.call("POST", "/api/rules", json={"name": "x", "kind": "threshold"})
    assert bad.status == 422


async def test_a_rule_is_replaced_whole_and_by_version(engineer: Client) -> None:
    made = await engineer.call("POST", "/api/rules", json=BODY)
    path = f"/api/rules/{made.body['id']}"
    assert made.headers["ETag"] == '"1"'
    body = BODY | {"name": "slower", "value": 200, "severity": "high"}
    changed = await engineer.call("PUT", path, json=body, headers={"If-Match": '"1"'})
    assert (changed.status, changed.headers["ETag"], changed.body["version"]) == (200, '"2"', 2)
    read = await engineer.get(path)
    assert read == changed.body
    assert {name: read[name] for name in body} == body
    stale = await engineer.call("PUT", path, json=BODY, headers={"If-Match": '"1"'})
    assert stale.status == 412
    assert (await engineer.call("PUT", path, json=BODY)).body["version"] == 3
    partial = await engineer.call("PUT", path, json={"value": 5})
    assert partial.status == 422
    assert (await engineer.call("DELETE", path)).status == 204
    for method in ("PUT", "GET"):
        gone = await engineer.call(method, path, json=BODY if method == "PUT" else None)
        assert gone.status == 404


async def test_a_manager_reads_rules_and_changes_none(engineer: Client, manager: Client) -> None:
    made = await engineer.call("POST", "/api/rules", json=BODY)
    path = f"/api/rules/{made.body['id']}"
    assert (await manager.get(path))["name"] == "slow"
    assert (await manager.call("PUT", path, json=BODY)).status == 403
    await engineer.call("DELETE", path)


@pytest.mark.parametrize(
    "more",
    [
        {"kind": "no_data", "field": "p95"},
        {"kind": "no_data", "sensitivity": 3},
        {"kind": "no_data", "scope": "service", "metric": "heartbeat"},
        {"kind": "no_data", "scope": "metric", "tags": {"az": "a"}},
        {"kind": "no_data", "scope": "elsewhere"},
        {"kind": "zscore", "scope": "series"},
        {"kind": "zscore", "op": ">", "value": 1},
    ],
)
async def test_a_field_is_accepted_only_where_it_is_obeyed(
    engineer: Client, more: dict[str, Any]
) -> None:
    answer = await engineer.call("POST", "/api/rules", json={"name": "n"} | more)
    assert answer.status == 422, answer


async def test_both_rules_on_absence_are_there_from_the_start(engineer: Client) -> None:
    rules = (await engineer.get("/api/rules?limit=500"))["items"]
    scopes = {rule["scope"] for rule in rules if rule["kind"] == "no_data"}
    assert {None, "metric"} <= scopes
