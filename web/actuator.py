"""`/actuator/*`: health, Prometheus metrics and build information, without a token."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web
from prometheus_client import generate_latest

from liveops.build import build_info
from liveops.metrics import COMPONENT_UP, REGISTRY
from web.routing import Access, Route, json_response

#: Whether a component is up; a text says why it is not.
Check = Callable[[], bool | str | Awaitable[bool]]
_CHECK_DEADLINE_S = 3.0


def routes(
    checks: Mapping[str, Check], needed: tuple[str, ...], alive: Callable[[], bool]
) -> list[Route]:
    """The actuator; readiness needs the components named in `needed`."""

    async def health(request: web.Request) -> web.StreamResponse:
        return await _health(checks, needed)

    async def liveness(request: web.Request) -> web.StreamResponse:
        if alive():
            return json_response({"status": "UP"})
        return json_response({"status": "DOWN"}, 503)

    async def metrics(request: web.Request) -> web.StreamResponse:
        body = generate_latest(REGISTRY)
        headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        return web.Response(body=body, headers=headers)

    async def info(request: web.Request) -> web.StreamResponse:
        return json_response(build_info() | {"python": platform.python_version()})

    return [
        Route("GET", "/actuator/health", health, Access.PUBLIC, "Health of all components"),
        Route("GET", "/actuator/health/liveness", liveness, Access.PUBLIC, "Whether to restart"),
        Route("GET", "/actuator/health/readiness", health, Access.PUBLIC, "Whether to send work"),
        Route("GET", "/actuator/metrics", metrics, Access.PUBLIC, "Prometheus metrics"),
        Route("GET", "/actuator/info", info, Access.PUBLIC, "Version and build"),
    ]


async def _health(checks: Mapping[str, Check], needed: tuple[str, ...]) -> web.Response:
    names = list(checks)
    answers = await asyncio.gather(*(_ask(checks[name]) for name in names))
    reasons = {n: text for n, text in zip(names, answers, strict=True) if isinstance(text, str)}
    states = {name: up is True for name, up in zip(names, answers, strict=True)}
    for name, up in states.items():
        COMPONENT_UP.labels(name).set(up)
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


async def all_up(checks: Mapping[str, Check]) -> bool:
    """Whether all of these components are up."""
    answers = await asyncio.gather(*(_ask(check) for check in checks.values()))
    return all(answer is True for answer in answers)


async def _ask(check: Check) -> bool | str:
    try:
        async with asyncio.timeout(_CHECK_DEADLINE_S):
            answer = check()
            return answer if isinstance(answer, bool | str) else await answer
    except Exception:
        return False
