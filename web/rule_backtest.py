"""`/api/rules/backtest`: what a rule would have told of the stored past."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from aiohttp import web

from liveops.deps import Deps
from liveops.detection.rehearsal import Told
from liveops.rehearsing.process import RehearsalProcess
from schema.rules import Rule
from schema.times import format_time
from web.bodies import read_model
from web.models.backtest import BacktestAnswer, BacktestBody
from web.query_params import invalid
from web.routing import Access, Route, json_response

_DAY_S = 86_400.0


def routes(deps: Deps, process: RehearsalProcess) -> list[Route]:
    """The dry run of a rule."""

    async def backtest(request: web.Request) -> web.StreamResponse:
        body = await read_model(request, BacktestBody)
        from_s, to_s = body.from_.timestamp(), min(body.to.timestamp(), deps.clock.now_s())
        if from_s >= to_s:
            raise invalid("from", "must be before `to` and now")
        rule = Rule(id=str(uuid4()), **body.rule.model_dump())
        found = await process.run(rule, from_s, to_s)
        return json_response(
            {
                "alarms": [_alarm(told, incidents) for told, incidents in found.alarms],
                "alarms_per_day": round(found.alarm_count / ((to_s - from_s) / _DAY_S), 4),
                "series": found.series_count,
                "truncated": found.alarm_count > len(found.alarms),
            }
        )

    return [
        Route(
            "POST",
            "/api/rules/backtest",
            backtest,
            Access.WRITE,
            "Dry run: when a rule would have alarmed over stored closed windows, how long, and in "
            "which known incidents. A rule that learns first reads the day before `from`",
            request_model=BacktestBody,
            response_model=BacktestAnswer,
        )
    ]


def _alarm(told: Told, incident_ids: list[str]) -> dict[str, Any]:
    first, worst = told.first, told.worst
    return {
        "service_name": first.service_name,
        "metric_type": first.metric_type,
        "tags": first.tags,
        "onset": format_time(first.onset_s),
        "end": None if told.end_s is None else format_time(told.end_s),
        "value": worst.furthest,
        "reason": first.reason,
        "incident_ids": incident_ids,
    }
