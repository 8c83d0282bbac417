"""`POST /v1/metrics`: OTLP over HTTP, as protobuf and JSON."""

from __future__ import annotations

from collections.abc import Iterator

from aiohttp import web
from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)

from liveops.deps import Deps
from liveops.intake import otlp
from liveops.intake.cumulative_histograms import Differences
from liveops.intake.foreign_items import told
from liveops.intake.otlp_json import NotOtlp, decode, read_json
from liveops.intake.otlp_names import OtlpNames
from liveops.intake.otlp_points import TICKS, PointTaker
from liveops.intake.protobuf_fields import Malformed
from web.admission import Admission, Held
from web.bodies import JSON, check_encoding, check_utf8, decompressed, read_sent
from web.foreign import NAMES_BYTES, PROTOBUF, ForeignWay, in_slices, naming_of
from web.problems import Problem
from web.routing import Access, Route

WAY = "otlp"
#: Objects in a body of JSON: a point of three attributes has eight, in 300 bytes.
MAX_OBJECTS = 300_000


def routes(deps: Deps, admission: Admission) -> list[Route]:
    """The OTLP route."""
    receiver = _Receiver(deps, admission)
    return [
        Route(
            "POST",
            "/v1/metrics",
            receiver.post,
            Access.INGEST,
            "OpenTelemetry metrics (OTLP/HTTP, an ExportMetricsServiceRequest); gzip accepted. 200 "
            "after the broker's ack of all good points; partialSuccess tells of the others",
            media_types=(PROTOBUF, JSON),
            answer_types=(PROTOBUF, JSON),
        )
    ]


class _Receiver:
    """Takes requests; remembers the series it has met."""

    def __init__(self, deps: Deps, admission: Admission) -> None:
        self._way = ForeignWay(deps, admission, WAY, TICKS)
        self._names = OtlpNames(naming_of(deps.settings), NAMES_BYTES)

    async def post(self, request: web.Request) -> web.StreamResponse:
        """Read, publish, answer."""
        with self._way.enter(request) as held:
            return await self._post(request, held)

    async def _post(self, request: web.Request, held: Held) -> web.StreamResponse:
        sent = await read_sent(request, lambda: _check_head(request), held)
        body = await decompressed(request, sent, held)
        items = self._way.items(request)
        differences = Differences(self._way.last_histograms)
        taker = PointTaker(self._names, items, differences)
        is_json = request.content_type == JSON
        reading = await (_reading_json(body, taker) if is_json else _reading(body, taker))
        await self._way.publish(reading, items)
        differences.keep()
        answer = ExportMetricsServiceResponse()
        if taker.rejected:
            answer.partial_success.rejected_data_points = taker.rejected
            answer.partial_success.error_message = told(items.refused, items.first_fault)
        if is_json:
            return web.Response(text=json_format.MessageToJson(answer), content_type=JSON)
        return web.Response(body=answer.SerializeToString(), content_type=PROTOBUF)


async def _reading(body: bytes, taker: PointTaker) -> Iterator[None]:
    try:
        await in_slices(otlp.check(body))
    except Malformed as error:
        raise Problem(400, f"the body is no ExportMetricsServiceRequest: {error}") from None
    return otlp.read(body, taker)


async def _reading_json(body: bytes, taker: PointTaker) -> Iterator[None]:
    await check_utf8(body)
    if body.count(b"{") > MAX_OBJECTS:
        raise Problem(413, f"the body has over {MAX_OBJECTS} objects")
    try:
        return read_json(decode(body), taker)
    except NotOtlp as error:
        raise Problem(400, f"the body is no ExportMetricsServiceRequest: {error}") from None


def _check_head(request: web.Request) -> None:
    """Raises Problem(415)."""
    if request.content_type not in (PROTOBUF, JSON) or "Content-Type" not in request.headers:
        raise Problem(415, f"the content type must be {PROTOBUF} or {JSON}")
    check_encoding(request)
