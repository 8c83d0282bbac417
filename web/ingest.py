"""`POST /api/metrics`: check everything, then publish, then answer 202."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import orjson
from aiohttp import web
from msgspec import structs

from liveops.deps import Deps
from liveops.errors import InvalidInput, Issue, Unavailable
from liveops.kafka.ingest import publish
from liveops.metrics import METRICS_ACCEPTED
from liveops.postgres import idempotency
from liveops.security.principal import Principal
from schema.ids import idempotent_metric_id
from schema.metrics import Metric, MetricFault, read_metric
from web.bodies import decode_json, read_body
from web.models.metrics import Accepted, MetricBody
from web.problems import Problem
from web.routing import Access, Query, Route

NDJSON = "application/x-ndjson"
KEY_HEADER = "Idempotency-Key"
MAX_KEY_CHARS = 255
#: Faulty items named in a refusal.
NAMED = 20


@dataclass(slots=True)
class Batch:
    """What a body held: good metrics by index and the faults of the others."""

    metrics: list[tuple[int, Metric]] = field(default_factory=list)
    faults: list[tuple[int, MetricFault]] = field(default_factory=list)


def routes(deps: Deps) -> list[Route]:
    """The ingestion route."""

    async def post(request: web.Request) -> web.StreamResponse:
        return await _post(deps, request)

    return [
        Route(
            "POST",
            "/api/metrics",
            post,
            Access.INGEST,
            "Send metrics: one, an array, {metrics: [...]} or NDJSON; 202 after the broker's ack",
            request_model=MetricBody,
            response_model=Accepted,
            query=(Query("partial", "Accept the good items of a batch and name the others"),),
            status=202,
        )
    ]


async def _post(deps: Deps, request: web.Request) -> web.StreamResponse:
    body = await read_body(request, accept=("application/json", NDJSON))
    partial = _flag(request, "partial")
    batch = check_items(
        items_of(body, request.content_type),
        request["principal"],
        deps.clock.now_s(),
        deps.settings.raw_retention_days * 86_400,
    )
    if batch.faults and not partial:
        raise refusal(batch)
    key = _key(request)
    if key is None:
        return _answer(await _accept(deps, batch))
    subject = request["principal"].subject
    digest = hashlib.sha256(body + b"?" + str(partial).encode()).hexdigest()
    return await _once(deps, batch, subject, key, digest)


async def _accept(deps: Deps, batch: Batch) -> bytes:
    metrics = [metric for _, metric in batch.metrics]
    await publish(deps.producer, metrics)
    METRICS_ACCEPTED.inc(len(metrics))
    answer: dict[str, Any] = {"accepted": len(metrics)}
    if batch.faults:
        answer["rejected"] = [
            {"index": index, "errors": [{"loc": fault.loc, "msg": fault.msg}]}
            for index, fault in batch.faults
        ]
    return orjson.dumps(answer)


async def _once(
    deps: Deps, batch: Batch, subject: str, key: str, digest: str
) -> web.StreamResponse:
    """Publish under an idempotency key.

    The ids in the records make a repeat count once even when the stored answers cannot
    be reached, so PostgreSQL being away does not refuse the call.
    """
    batch.metrics = [
        (index, structs.replace(metric, id=idempotent_metric_id(subject, key, index)))
        for index, metric in batch.metrics
    ]
    try:
        claim = await idempotency.claim(deps.database, subject, key, digest)
    except Unavailable:
        return _answer(await _accept(deps, batch))
    if claim.state == "done":
        return _answer(claim.answer.encode())
    if claim.state == "other_body":
        raise InvalidInput(f"{KEY_HEADER} was used with another body")
    if claim.state == "running":
        raise Problem(409, "the first call with this key is still running", retry_after_s=1)
    try:
        answer = await _accept(deps, batch)
    except Unavailable:
        await _quietly(idempotency.abandon(deps.database, subject, key))
        raise
    await _quietly(idempotency.finish(deps.database, subject, key, answer.decode()))
    return _answer(answer)


async def _quietly(call: Any) -> None:
    try:
        await call
    except Unavailable:
        return


def _answer(body: bytes) -> web.Response:
    return web.Response(status=202, body=body, content_type="application/json")


def items_of(body: bytes, content_type: str) -> list[object]:
    """The items of a body in any of its four forms; raises Problem(400) or InvalidInput."""
    if content_type == NDJSON:
        items: list[object] = [decode_json(line) for line in body.splitlines() if line.strip()]
    else:
        plain = decode_json(body)
        if isinstance(plain, dict) and "metrics" in plain:
            strangers = sorted(plain.keys() - {"metrics"})
            if strangers:
                raise InvalidInput("unknown field", [Issue([strangers[0]], "unknown field")])
            plain = plain["metrics"]
            if not isinstance(plain, list):
                raise InvalidInput("metrics is no list", [Issue(["metrics"], "must be a list")])
        items = plain if isinstance(plain, list) else [plain]
    if not items:
        raise InvalidInput("no metrics", [Issue([], "the list is empty")])
    return items


def check_items(items: list[object], principal: Principal, now_s: float, max_age_s: float) -> Batch:
    """Read every item; a writer bound to some services may name only those."""
    batch = Batch()
    for index, item in enumerate(items):
        try:
            metric = read_metric(item, now_s, max_age_s)
            if not _may_write(principal, metric.service_name):
                raise MetricFault(["service_name"], "this token may not write for it")
            batch.metrics.append((index, metric))
        except MetricFault as fault:
            batch.faults.append((index, fault))
    return batch


def _may_write(principal: Principal, service: str) -> bool:
    if principal.kind != "ingest" or not principal.services:
        return True
    return any(fnmatchcase(service, pattern) for pattern in principal.services)


def refusal(batch: Batch) -> InvalidInput:
    """The 422 of a batch, naming the first faulty items by index."""
    named = [Issue([index, *fault.loc], fault.msg) for index, fault in batch.faults[:NAMED]]
    return InvalidInput(f"{len(batch.faults)} of the metrics are invalid", named)


def _flag(request: web.Request, name: str) -> bool:
    text = request.query.get(name, "false")
    if text not in ("true", "false"):
        raise InvalidInput(f"{name} must be true or false", [Issue([name], "true or false")])
    return text == "true"


def _key(request: web.Request) -> str | None:
    key = request.headers.get(KEY_HEADER)
    if key is not None and not 1 <= len(key) <= MAX_KEY_CHARS:
        issue = Issue([KEY_HEADER], f"1 to {MAX_KEY_CHARS} characters")
        raise InvalidInput(f"{KEY_HEADER} is malformed", [issue])
    return key
