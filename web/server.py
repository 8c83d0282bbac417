"""Puts routes, middleware, actuator and documentation on Faust's web server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from faust.types.web import Web

from liveops.kafka.app import LiveOpsApp
from liveops.services.deps import Deps
from web import actuator, openapi
from web.actuator import Check
from web.authentication import guarded
from web.middleware import cors, envelope, stamp
from web.routing import Route


def install(
    app: LiveOpsApp,
    routes: list[Route],
    deps: Deps,
    service: str,
    checks: Mapping[str, Check],
    *,
    needed: tuple[str, ...] = (),
) -> None:
    """Serve `routes` and what every worker has; Faust's own pages are dropped."""
    whole = [*routes, *actuator.routes(checks, needed)]
    whole += openapi.routes(service, whole)

    def on_webserver_init(web: Web) -> None:
        server: Any = web.web_app  # type: ignore[attr-defined]
        server.middlewares.append(envelope)
        server.middlewares.append(cors(deps.settings))
        server.on_response_prepare.append(stamp(deps.settings))
        for route in whole:
            handler = guarded(route, deps)
            if route.method == "GET" and not route.websocket:
                server.router.add_get(route.path, handler)
            else:
                server.router.add_route(route.method, route.path, handler)

    # Faust takes "/" for an index of its own, and `/` belongs to the dashboard.
    app.web.blueprints._enabled.clear()  # noqa: SLF001
    app.on_webserver_init = on_webserver_init  # type: ignore[method-assign]
