"""`/actuator/*`: health, Prometheus metrics and build information, without a token."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web
from prometheus_client import exposition, openmetrics
from prometheus_client.core import CollectorRegistry

from liveops.build import build_info
from liveops.metrics.worker import COMPONENT_UP
from web.negotiation import prefers_openmetrics
from web.routing import Access, Route, json_response

#: Whether a component is up; a text says why it is not.
Check = Callable[[], bool | str | Awaitable[bool]]
_CHECK_DEADLINE_S = 3.0
_as_openmetrics: Callable[[CollectorRegistry], bytes] = openmetrics.exposition.generate_latest


def routes(
    checks: Mapping[str, Check],
    needed: tuple[str, ...],
    alive: Callable[[], bool],
    registry: CollectorRegistry,
) -> list[Route]:
    """The actuator; readiness needs the components named in `needed`."""

    async def health(request: web.Request) -> web.StreamResponse:
        return await _health(checks, needed)

    async def liveness(request: web.Request) -> web.StreamResponse:
        if alive():
            return json_response({"status": "UP"})
        return json_response({"status": "DOWN"}, 503)

    async def metrics(request: web.Request) -> web.StreamResponse:
        return _exposed(registry, ",".join(request.headers.getall("Accept", [])))

    async def info(request: web.Request) -> web.StreamResponse:
        return json_response(build_info() | {"python": platform.python_version()})

    return [
        Route("GET", "/actuator/health", health, Access.PUBLIC, "Health of all components"),
        Route("GET", "/actuator/health/liveness", liveness, Access.PUBLIC, "Whether to restart"),
        Route("GET", "/actuator/health/readiness", health, Access.PUBLIC, "Whether to send work"),
        Route(
            "GET",
            "/actuator/metrics",
            metrics,
            Access.PUBLIC,
            "Prometheus metrics, as text or, where `Accept` prefers it, as OpenMetrics",
        ),
        Route("GET", "/actuator/info", info, Access.PUBLIC, "Version and build"),
    ]


def _exposed(registry: CollectorRegistry, accept: str) -> web.Response:
    if prefers_openmetrics(accept):
        encode, kind = _as_openmetrics, openmetrics.exposition.CONTENT_TYPE_LATEST
    else:
        encode, kind = exposition.generate_latest, exposition.CONTENT_TYPE_PLAIN_0_0_4
    return web.Response(body=encode(registry), headers={"Content-Type": kind, "Vary": "Accept"})


async def _health(checks: Mapping[str, Check], needed: tuple[str, ...]) -> web.Response:
    answers = await _answers(checks)
    reasons = {name: text for name, text in answers.items() if isinstance(text, str)}
    states = {name: up is True for name, up in answers.items()}
    ready = all(states[name] for name in needed)
    document = {
        "status": "UP" if ready else "DOWN",
        "components": {
            name: {"status": "UP" if up else "DOWN", "needed": name in needed}
            | ({"reason": reasons[name]} if name in reasons else {})
            for name, up in states.items()
        },
    }
    return json_response(document, 200 if ready else 503)


async def look(checks: Mapping[str, Check], wanted: tuple[str, ...]) -> bool:
    """Look at all components, show them as metrics; whether those wanted are up."""
    answers = await _answers(checks)
    return all(answers[name] is True for name in wanted)


async def _answers(checks: Mapping[str, Check]) -> dict[str, bool | str]:
    found = await asyncio.gather(*map(_ask, checks.values()))
    answers = dict(zip(checks, found, strict=True))
    for name, answer in answers.items():
        COMPONENT_UP.labels(name).set(answer is True)
    return answers


async def _ask(check: Check) -> bool | str:
    try:
        async with asyncio.timeout(_CHECK_DEADLINE_S):
            answer = check()
            return answer if isinstance(answer, bool | str) else await answer
    except Exception:
        return False
