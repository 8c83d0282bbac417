"""Prometheus reads the running workers, and every panel and rule has data of them."""

from __future__ import annotations

import asyncio
import math
import re
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from liveops.services import PORTS
from tests.client import Client, eventually
from tests.debian import promtool
from tests.deploy.prometheus import SCRAPE_S, Prometheus, running
from tests.deploy.shipped import DASHBOARDS, Expression, alerts, expressions, rules
from tests.product import Product

pytestmark = pytest.mark.integration

RATE_INTERVAL = f"{10 * SCRAPE_S}s"
_PANELS = [e for path in DASHBOARDS for e in expressions(path, RATE_INTERVAL)]
_RECORDED = [Expression(rule["record"], rule["record"]) for rule in rules() if "record" in rule]
_METRIC = re.compile(r"\b(?:(?:liveops|http|consumer|process)_\w+|\w+:\w+:\w+|up)\b")
_LABELS = re.compile(r"\{[^}]*\}|\bby \([^)]*\)")
_OPENMETRICS = "application/openmetrics-text;version=1.0.0"
#: Whose families these are; of others' a worker shows nothing.
OWNERS = {
    "http_request_duration_seconds": set(PORTS),
    "liveops_component_up": set(PORTS),
    "liveops_build_info": set(PORTS),
    "python_info": set(PORTS),
    "process_resident_memory_bytes": set(PORTS),
    "liveops_postgres_connections": set(PORTS),
    "consumer_lag_records": set(PORTS) - {"auth"},
    "liveops_redis_seconds": set(PORTS) - {"archive"},
    "liveops_outbox_waiting": {"auth", "incidents", "analysis"},
    "liveops_websockets": {"metrics", "incidents", "analysis"},
    "liveops_metrics_folded_total": {"metrics"},
    "liveops_checkpoint_seconds": {"metrics"},
    "liveops_detector_series": {"incidents"},
    "liveops_incidents_active": {"incidents"},
    "liveops_analyses_total": {"analysis"},
    "liveops_llm_budget_left_ratio": {"analysis"},
    "liveops_archived_rows_total": {"archive"},
    "liveops_archive_delay_seconds": {"archive"},
}


@pytest.fixture(scope="module")
def observed(product: Product, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Prometheus, after load, an incident and its analysis by the model."""
    urls = {name: product.stack.url(name) for name in PORTS}
    with running(tmp_path_factory.mktemp("prometheus"), urls) as prometheus:
        incident_id = asyncio.run(_drive(product, prometheus))
        yield prometheus
        asyncio.run(_resolve(product, incident_id))


async def _resolve(product: Product, incident_id: str) -> None:
    """Leave no open incident to the tests of the dashboard."""
    async with Client.signed_in(product.stack, "engineer") as engineer:
        body = {"status": "resolved"}
        answer = await engineer.call("PATCH", f"/api/incidents/{incident_id}", json=body)
        assert answer.status == 200, answer


async def _drive(product: Product, prometheus: Prometheus) -> str:
    """Everything that panels show, once; the id of the incident."""
    await prometheus.ready()

    async def all_up() -> bool:
        found = await prometheus.values('sum(up{job="liveops"})')
        return bool(found) and found[-1] == len(PORTS)

    await eventually(all_up, "a scrape of every worker")
    async with Client.signed_in(product.stack, "engineer") as engineer:
        return await _incident(engineer)


async def _incident(engineer: Client) -> str:
    """Quiet minutes, then a breach; until the model has spoken about it."""
    service = f"shop-{uuid4().hex[:8]}"
    rule = {"name": f"limit of {service}", "kind": "threshold", "service": service,
            "metric": "latency_ms", "window": "1m", "field": "max", "op": ">", "value": 500,
            "severity": "high"}  # fmt: skip
    assert (await engineer.call("POST", "/api/rules", json=rule)).status == 201
    now_s = time.time()
    history = range(20, 1, -1)
    await engineer.send(*(_sample(service, 100 + i % 3, now_s - 60 * i) for i in history))

    async def analysed() -> str:
        await engineer.send(_sample(service, 900.0, time.time()))
        found = (await engineer.get(f"/api/incidents?service={service}"))["items"]
        if not found:
            return ""
        incident_id = str(found[0]["id"])
        answer = await engineer.call("GET", f"/api/analysis/{incident_id}")
        return incident_id if answer.status == 200 and answer.body["source"] == "llm" else ""

    return await eventually(analysed, "an analysis by the model", within_s=60.0)


def _sample(service: str, value: float, at_s: float) -> dict[str, Any]:
    return {"service_name": service, "metric_type": "latency_ms", "value": value,
            "timestamp": at_s}  # fmt: skip


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


async def scrape(
    session: aiohttp.ClientSession, url: str, accept: str = "text/plain"
) -> tuple[str, str]:
    """Body and content type."""
    headers = {"Accept": accept}
    async with session.get(url + "/actuator/metrics", headers=headers) as response:
        assert response.status == 200
        return await response.text(), response.headers["Content-Type"]


@pytest.mark.parametrize("worker", PORTS)
async def test_promtool_finds_nothing_in_the_text_of_a_worker(
    product: Product, session: aiohttp.ClientSession, worker: str
) -> None:
    text, kind = await scrape(session, product.stack.url(worker))
    assert kind == "text/plain; version=0.0.4; charset=utf-8"
    done = subprocess.run([promtool(), "check", "metrics"], input=text, capture_output=True,
                          text=True)  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "_created" not in text


@pytest.mark.parametrize("worker", PORTS)
async def test_a_worker_speaks_openmetrics_when_asked(
    product: Product, session: aiohttp.ClientSession, worker: str
) -> None:
    text, kind = await scrape(session, product.stack.url(worker), _OPENMETRICS)
    assert kind == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    parse: Callable[[str], Iterable[Metric]] = text_string_to_metric_families
    families = list(parse(text))  # raises at what is not OpenMetrics
    assert "_created" not in text
    empty = {family.name for family in families if not family.samples}
    # What has not happened yet has a series too; of its partitions a worker knows a little later.
    assert empty <= {"consumer_lag_records"}


async def test_each_family_is_shown_by_the_workers_it_belongs_to_alone(
    product: Product, session: aiohttp.ClientSession
) -> None:
    texts = {name: (await scrape(session, product.stack.url(name)))[0] for name in PORTS}
    for family, owners in OWNERS.items():
        assert {n for n, text in texts.items() if f"# TYPE {family} " in text} == owners, family


@pytest.mark.parametrize("expression", [*_PANELS, *_RECORDED], ids=lambda item: item.where)
async def test_every_panel_and_recording_rule_has_data(
    observed: Prometheus, expression: Expression
) -> None:
    async def has_data() -> bool:
        return any(map(math.isfinite, await observed.values(expression.text)))

    await eventually(has_data, f"data of {expression}")


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
async def test_every_alert_can_be_asked_and_names_metrics_that_are_there(
    observed: Prometheus, rule: dict[str, Any]
) -> None:
    await observed.ask("query", query=rule["expr"])
    names = set(_METRIC.findall(_LABELS.sub("", rule["expr"])))
    assert names
    for name in names:

        async def is_there(name: str = name) -> bool:
            return bool(await observed.values(f'count({{__name__="{name}"}})'))

        await eventually(is_there, f"the metric {name}")


async def test_every_rule_is_loaded_and_evaluates(observed: Prometheus) -> None:
    loaded = [rule for group in (await observed.ask("rules"))["groups"] for rule in group["rules"]]
    assert {rule["name"] for rule in loaded} == {r.get("alert") or r["record"] for r in rules()}
    assert {rule["health"] for rule in loaded} == {"ok"}, [rule.get("lastError") for rule in loaded]


async def test_a_healthy_product_raises_no_alarm(observed: Prometheus) -> None:
    firing = await observed.ask("query", query='ALERTS{alertstate="firing"}')
    assert [series["metric"]["alertname"] for series in firing["result"]] == []


async def test_every_worker_is_a_target_with_its_name(observed: Prometheus) -> None:
    targets = (await observed.ask("targets", state="active"))["activeTargets"]
    assert {target["labels"]["worker"] for target in targets} == set(PORTS)
    assert {target["health"] for target in targets} == {"up"}, targets


async def test_lag_is_told_by_group_topic_and_partition(observed: Prometheus) -> None:
    groups = {f"liveops-{name}" for name in OWNERS["consumer_lag_records"]}

    async def all_told() -> bool:
        found = (await observed.ask("query", query="consumer_lag_records"))["result"]
        labels = [series["metric"] for series in found]
        assert all(item["topic"] and item["partition"].isdigit() for item in labels)
        return {(item["group"], f"liveops-{item['worker']}") for item in labels} == {
            (group, group) for group in groups
        }

    await eventually(all_told, "the lag of every group")


@pytest.mark.parametrize(
    "expression",
    [
        "min(liveops_component_up)",
        'sum(liveops_detector_series{state="firing"})',
        'sum(liveops_incidents_active{severity="high"})',
        'sum(liveops_detections_total{detector="threshold"})',
        "sum(liveops_detector_evaluation_seconds_count)",
        'sum(liveops_analyses_total{source="llm"})',
        "sum(liveops_analysis_seconds_count)",
        'sum(liveops_llm_tokens_total{kind="prompt"})',
        "sum(liveops_llm_cost_usd_total)",
        '1 - min(liveops_llm_budget_left_ratio{limit="tokens"})',
        'sum(liveops_archived_rows_total{table="metrics"})',
        'sum(liveops_archive_delay_seconds_count{table="metrics"})',
        'sum(liveops_archive_store_seconds_count{table="metrics"})',
        "min(sum by (worker) (liveops_postgres_connections))",
        "min(sum by (worker) (liveops_redis_connections))",
        'sum(http_request_duration_seconds_count{route="/api/metrics",status="202"})',
    ],
)
async def test_what_is_there_at_0_rises_when_it_happens(
    observed: Prometheus, expression: str
) -> None:
    async def risen() -> bool:
        return max(await observed.values(expression), default=0.0) > 0

    await eventually(risen, expression)
