"""`POST /api/alerts/alertmanager`: alerts of other systems become detections."""

from __future__ import annotations

import asyncio

import msgspec
from aiohttp import web

from agents.incidents.detect import DETECTIONS_KEY
from liveops.deps import Deps
from liveops.detection.rulebook import RuleBook
from liveops.errors import InvalidInput, Issue
from liveops.intake.foreign_alerts import DETECTOR, detection_of
from liveops.metrics.detection import DETECTIONS as DETECTIONS_COUNT
from liveops.postgres.muted_alerts import note_alerts
from liveops.settings import listed
from schema.incidents import Detection
from schema.metric_fault import MetricFault
from schema.topics import DETECTIONS
from web.bodies import read_model
from web.ingest import may_write
from web.models.alerts import AlertsAnswer, AlertsBody
from web.routing import Access, Route, json_response

#: Rejected alerts that are named.
MOST_NAMED = 20


def routes(deps: Deps) -> list[Route]:
    """The way in for Alertmanager and Grafana."""
    receiver = _Receiver(deps)
    return [
        Route(
            "POST",
            "/api/alerts/alertmanager",
            receiver.post,
            Access.INGEST,
            "Alertmanager's webhook (Grafana's alerting sends the same): each alert becomes a "
            "detection and joins an incident; repeats change nothing. 202 after the broker's "
            "ack; alerts that name no service, or one outside the token's, are told in "
            "`rejected`, and are 422 where there are no others",
            request_model=AlertsBody,
            response_model=AlertsAnswer,
            status=202,
        )
    ]


class _Receiver:
    """Takes messages."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._labels = listed(deps.settings.service_labels)

    async def post(self, request: web.Request) -> web.StreamResponse:
        """Read, publish, answer."""
        body = await read_model(request, AlertsBody)
        found: list[Detection] = []
        faults: list[tuple[int, MetricFault]] = []
        now_s = self._deps.clock.now_s()
        for index, sent in enumerate(body.alerts):
            made = detection_of(sent.alert(), self._labels, now_s)
            if isinstance(made, Detection):
                if may_write(request["principal"], made.service_name):
                    found.append(made)
                    continue
                made = MetricFault(["labels"], "this token may not write for the service")
            faults.append((index, made))
        if not found:
            named = [Issue(["alerts", i, *f.loc], f.msg) for i, f in faults[:MOST_NAMED]]
            raise InvalidInput("no alert is valid", named)
        told = self._not_muted(found)
        free = {one.id for one in told}
        muted = [one for one in found if one.id not in free]
        over = [one for one in found if one.state == "resolved"]
        await note_alerts(self._deps.database, muted, over)
        send = self._deps.producer.send
        await asyncio.gather(
            *(send(DETECTIONS, DETECTIONS_KEY, msgspec.json.encode(one)) for one in told)
        )
        DETECTIONS_COUNT.labels(DETECTOR).inc(len(told))
        answer = {
            "accepted": len(found),
            "muted": len(found) - len(told),
            "rejected": [
                {"index": i, "errors": [Issue(f.loc, f.msg).as_dict()]}
                for i, f in faults[:MOST_NAMED]
            ],
        }
        return json_response(answer, 202)

    def _not_muted(self, found: list[Detection]) -> list[Detection]:
        """Silences mute what fires; what is over is always told."""
        book = RuleBook((), self._deps.config.silences.values())
        now_s = self._deps.clock.now_s()
        return [one for one in found if one.state == "resolved" or not book.mutes_alert(one, now_s)]
