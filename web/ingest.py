"""`POST /api/metrics`: check everything, then publish, then answer 202."""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import orjson
from aiohttp import web
from msgspec import structs

from liveops.deps import Deps
from liveops.errors import InvalidInput, Issue, LiveOpsError, Unavailable
from liveops.kafka.ingest import publish
from liveops.kafka.ingest_sends import IngestSends
from liveops.metrics.windows import METRICS_ACCEPTED
from liveops.postgres import idempotency
from liveops.security.principal import Principal
from liveops.slices import Slices
from schema.ids import idempotent_metric_id
from schema.metrics import Metric, MetricFault
from web.admission import Admission, Held
from web.bodies import read_body
from web.ingest_body import MAX_ITEMS, NDJSON, read_item, split
from web.models.metrics import Accepted, MetricBody
from web.problems import Problem
from web.routing import Access, Query, Route, one_of

WAY = "metrics"
KEY_HEADER = "Idempotency-Key"
MAX_KEY_CHARS = 255
_GOOD_KEY = re.compile(rf"[ -~]{{1,{MAX_KEY_CHARS}}}")
_PARTIAL = Query(
    "partial",
    "Accept the good items of a batch and name the others",
    schema=one_of(("true", "false")),
)
_KEY = Query(
    KEY_HEADER,
    "1 to 255 printable ASCII signs; a repeat counts once",
    schema={"type": "string", "pattern": f"^{_GOOD_KEY.pattern}$"},
)
#: Faulty items named in a refusal.
NAMED = 20


@dataclass(slots=True)
class Batch:
    """What a body held: good metrics by index, how many are faulty, the first faults."""

    metrics: list[tuple[int, Metric]] = field(default_factory=list)
    faulty: int = 0
    faults: list[tuple[int, MetricFault]] = field(default_factory=list)


def routes(deps: Deps, admission: Admission) -> list[Route]:
    """The ingestion route."""

    async def post(request: web.Request) -> web.StreamResponse:
        with admission.enter(WAY, request) as held:
            return await _post(deps, admission.sends, request, held)

    return [
        Route(
            "POST",
            "/api/metrics",
            post,
            Access.INGEST,
            "Send metrics: one, an array, {metrics: [...]} or NDJSON; 202 after the broker's ack",
            request_model=MetricBody,
            response_model=Accepted,
            query=(_PARTIAL,),
            headers=(_KEY,),
            status=202,
        )
    ]


async def _post(
    deps: Deps, sends: IngestSends, request: web.Request, held: Held
) -> web.StreamResponse:
    body = await read_body(request, ("application/json", NDJSON), held)
    items = await split(body, request.content_type)
    batch = await check_items(
        items,
        request["principal"],
        deps.clock.now_s(),
        deps.settings.raw_retention_days * 86_400,
        MAX_ITEMS if request.query.get("partial") == "true" else NAMED,
    )
    # What is no JSON (400) has been found by now.
    partial, key = _flag(request, "partial"), _key(request)
    if batch.faulty and not partial:
        raise refusal(batch)
    if key is None:
        return _answer(await _accept(sends, batch))
    subject = request["principal"].subject
    digest = await asyncio.to_thread(_digest, body, partial)
    return await _once(deps, sends, batch, (subject, key, digest))


async def _accept(sends: IngestSends, batch: Batch) -> bytes:
    metrics = [metric for _, metric in batch.metrics]
    await publish(sends, metrics)
    METRICS_ACCEPTED.inc(len(metrics))
    if not batch.faulty:
        return orjson.dumps({"accepted": len(metrics)})
    return b'{"accepted":%d,"rejected":[%b]}' % (len(metrics), await _rejected(batch))


async def _rejected(batch: Batch) -> bytes:
    """The faulty items of a partial batch, encoded."""
    found: list[bytes] = []
    slices = Slices()
    for index, fault in batch.faults:
        if slices.is_over:
            await slices.rest()
        errors = [{"loc": fault.loc, "msg": fault.msg}]
        found.append(orjson.dumps({"index": index, "errors": errors}))
    return b",".join(found)


def _digest(body: bytes, partial: bool) -> str:
    digest = hashlib.sha256(body)
    digest.update(b"?" + str(partial).encode())
    return digest.hexdigest()


async def _once(
    deps: Deps, sends: IngestSends, batch: Batch, call: tuple[str, str, str]
) -> web.StreamResponse:
    """Publish under an idempotency key; `call` are the caller, the key and the body's digest.

    The ids in the records make a repeat count once even when the stored answers cannot
    be reached, so PostgreSQL being away does not refuse the call.
    """
    subject, key, digest = call
    await _name(batch, subject, key)
    try:
        claim = await idempotency.claim(deps.database, subject, key, digest)
    except Unavailable:
        return _answer(await _accept(sends, batch))
    if claim.state == "done":
        return _answer(claim.answer.encode())
    if claim.state == "other_body":
        raise InvalidInput(f"{KEY_HEADER} was used with another body")
    if claim.state == "running":
        raise Problem(409, "the first call with this key is still running", retry_after_s=1)
    try:
        answer = await _accept(sends, batch)
    except LiveOpsError:  # what was sent already counts once, by its id
        await _quietly(idempotency.abandon(deps.database, subject, key))
        raise
    await _quietly(idempotency.finish(deps.database, subject, key, answer.decode()))
    return _answer(answer)


async def _name(batch: Batch, subject: str, key: str) -> None:
    """Give the metrics their ids."""
    slices = Slices()
    for at, (index, metric) in enumerate(batch.metrics):
        if slices.is_over:
            await slices.rest()
        named = structs.replace(metric, id=idempotent_metric_id(subject, key, index))
        batch.metrics[at] = (index, named)


async def _quietly(call: Any) -> None:
    try:
        await call
    except Unavailable:
        return


def _answer(body: bytes) -> web.Response:
    return web.Response(status=202, body=body, content_type="application/json")


async def check_items(
    items: list[bytes], principal: Principal, now_s: float, max_age_s: float, most_faults: int
) -> Batch:
    """Read every item; a writer bound to some services may name only those.

    Of the faults the first `most_faults` are kept, all are counted. Raises Problem(400).
    """
    batch = Batch()
    slices = Slices()
    for index, item in enumerate(items):
        if slices.is_over:
            await slices.rest()
        verdict = read_item(item, now_s, max_age_s)
        if isinstance(verdict, Metric):
            if may_write(principal, verdict.service_name):
                batch.metrics.append((index, verdict))
                continue
            verdict = MetricFault(["service_name"], "this token may not write for it")
        batch.faulty += 1
        if len(batch.faults) < most_faults:
            batch.faults.append((index, verdict))
    return batch


def may_write(principal: Principal, service: str) -> bool:
    """Whether this caller may send metrics of a service."""
    if principal.kind != "ingest" or not principal.services:
        return True
    return any(fnmatchcase(service, pattern) for pattern in principal.services)


def refusal(batch: Batch) -> InvalidInput:
    """The 422 of a batch, naming the first faulty items by index."""
    named = [Issue([index, *fault.loc], fault.msg) for index, fault in batch.faults]
    return InvalidInput(f"{batch.faulty} of the metrics are invalid", named)


def _flag(request: web.Request, name: str) -> bool:
    text = request.query.get(name, "false")
    if text not in ("true", "false"):
        raise InvalidInput(f"{name} must be true or false", [Issue([name], "true or false")])
    return text == "true"


def _key(request: web.Request) -> str | None:
    key = request.headers.get(KEY_HEADER)
    if key is not None and not _GOOD_KEY.fullmatch(key):
        issue = Issue([KEY_HEADER], f"1 to {MAX_KEY_CHARS} printable ASCII characters")
        raise InvalidInput(f"{KEY_HEADER} is malformed", [issue])
    return key
