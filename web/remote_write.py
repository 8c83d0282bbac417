"""`POST /api/v1/write`: Prometheus remote write 1.0 and 2.0."""

from __future__ import annotations

import asyncio

import cramjam
from aiohttp import web

from liveops.deps import Deps
from liveops.intake.cumulative_histograms import Differences
from liveops.intake.protobuf_fields import Malformed
from liveops.intake.remote_write import TICKS, RemoteWrite, check
from liveops.intake.remote_write_names import SeriesNames
from web.admission import Admission, Held
from web.bodies import MAX_BYTES, encoding_of, read_sent, too_large
from web.foreign import NAMES_BYTES, PROTOBUF, ForeignWay, in_slices, naming_of
from web.problems import Problem
from web.routing import Access, Route

WAY = "remote_write"
SNAPPY = "snappy"
#: The message of each version, as a content type names it; 1.0 need not be named.
MESSAGE_OF_1, MESSAGE_OF_2 = "prometheus.WriteRequest", "io.prometheus.write.v2.Request"
_WRITTEN = "X-Prometheus-Remote-Write-{}-Written"
#: Times that a snappy body may become larger; its format does not allow more.
_MAX_RATIO = 64


def routes(deps: Deps, admission: Admission) -> list[Route]:
    """The remote write route."""
    receiver = _Receiver(deps, admission)
    return [
        Route(
            "POST",
            "/api/v1/write",
            receiver.post,
            Access.INGEST,
            "Prometheus remote write, 1.0, and 2.0 where the content type says "
            f"proto={MESSAGE_OF_2}; snappy. 204 after the broker's ack of all good samples: bad "
            "and old ones are counted (liveops_foreign_refused_total) and refuse nothing",
            media_types=(PROTOBUF,),
            status=204,
        )
    ]


class _Receiver:
    """Takes requests; remembers the series it has met."""

    def __init__(self, deps: Deps, admission: Admission) -> None:
        self._way = ForeignWay(deps, admission, WAY, TICKS)
        self._names = SeriesNames(naming_of(deps.settings), NAMES_BYTES)

    async def post(self, request: web.Request) -> web.StreamResponse:
        """Read, publish, answer."""
        with self._way.enter(request) as held:
            return await self._post(request, held)

    async def _post(self, request: web.Request, held: Held) -> web.StreamResponse:
        sent = await read_sent(request, lambda: _check_head(request), held)
        held.take(size_of(sent))
        body = await asyncio.to_thread(decompress, sent)
        try:
            await in_slices(check(body))
        except Malformed as error:
            raise Problem(400, f"the body is no protobuf message: {error}") from None
        items = self._way.items(request)
        differences = Differences(self._way.last_histograms)
        reader = RemoteWrite(self._names, items, differences)
        is_2 = _message_of(request) == MESSAGE_OF_2
        await self._way.publish(reader.read_2(body) if is_2 else reader.read_1(body), items)
        differences.keep()
        written = {"Samples": reader.samples, "Histograms": reader.histograms, "Exemplars": 0}
        headers = {_WRITTEN.format(name): str(count) for name, count in written.items()}
        return web.Response(status=204, headers=headers if is_2 else None)


def size_of(body: bytes) -> int:
    """Bytes that a snappy block becomes, by what it says at its beginning; Problem 413 or 400."""
    try:
        size: int = cramjam.snappy.decompress_raw_len(body)
    except cramjam.DecompressionError:
        raise Problem(400, "the body is no snappy block") from None
    if size > MAX_BYTES:
        raise too_large()
    if size > _MAX_RATIO * len(body):
        raise Problem(400, "the body is no snappy block: it cannot hold what it says")
    return size


def decompress(body: bytes) -> bytes:
    """The content of a snappy block whose size is good; raises Problem(400)."""
    try:
        return bytes(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError:
        raise Problem(400, "the body is no snappy block") from None


def _message_of(request: web.Request) -> str:
    """Which message the content type names."""
    _, _, parameters = request.headers.get("Content-Type", "").partition(";")
    for parameter in parameters.split(";"):
        name, _, text = parameter.strip().partition("=")
        if name.strip().lower() == "proto":
            return text.strip().strip('"')
    return MESSAGE_OF_1


def _check_head(request: web.Request) -> None:
    """Raises Problem(415)."""
    if request.content_type != PROTOBUF or "Content-Type" not in request.headers:
        raise Problem(415, f"the content type must be {PROTOBUF}")
    if _message_of(request) not in (MESSAGE_OF_1, MESSAGE_OF_2):
        raise Problem(415, f"the message must be {MESSAGE_OF_1} or {MESSAGE_OF_2}")
    if encoding_of(request) != SNAPPY:
        raise Problem(415, "the content encoding must be snappy")
