"""Puts routes, middleware, actuator and documentation on Faust's web server."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from aiohttp import web
from faust.types.web import Web

from liveops.deps import Deps
from liveops.metrics.group import preset
from liveops.metrics.worker import COMPONENT_UP
from liveops.metrics.workers import registry_of
from liveops.runtime.app import LiveOpsApp
from liveops.runtime.background import BackgroundTask
from liveops.runtime.lag import LagWatch, loop_lag
from web import actuator, openapi, websocket
from web.actuator import Check
from web.authentication import guarded
from web.connection import HANDLER_ARGS, serve_on
from web.middleware import edge, expect, stamp
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
    wanted = tuple(name for name in needed if name != "stream")
    watch = LagWatch(app, deps.settings, deps.clock, partial(actuator.look, checks, wanted))
    app.background += [BackgroundTask(watch.run, "lag"), BackgroundTask(loop_lag, "loop-lag")]
    whole = [*routes, *actuator.routes(checks, needed, watch.alive, registry_of(service))]
    whole += openapi.routes(service, whole)
    preset(COMPONENT_UP, checks)
    expect(whole)

    def on_webserver_init(faust_web: Web) -> None:
        server: web.Application = faust_web.web_app  # type: ignore[attr-defined] # of its aiohttp driver
        prepare(server, whole, deps)
        serve_on(faust_web)  # type: ignore[arg-type] # of its aiohttp driver

    options = dict(app.conf.web_application_options or {})
    app.conf.web_application_options = options | {"handler_args": HANDLER_ARGS}
    # Faust takes "/" for an index of its own, and `/` belongs to the dashboard.
    app.web.blueprints._enabled.clear()  # noqa: SLF001 - no public way
    app.on_webserver_init = on_webserver_init  # type: ignore[assignment,method-assign] # its hook


def application(routes: list[Route], deps: Deps) -> web.Application:
    """The routes behind the same doors, without Faust."""
    server = web.Application(handler_args=HANDLER_ARGS)
    prepare(server, routes, deps)
    return server


def prepare(server: web.Application, routes: list[Route], deps: Deps) -> None:
    """Middleware, signals and routes of an aiohttp application."""
    server.middlewares.append(edge(deps.settings))
    server.on_response_prepare.append(stamp(deps.settings))
    websocket.close_in_time(server, deps.config)
    for route in routes:
        handler = guarded(route, deps)
        if route.method == "GET" and not route.websocket:
            server.router.add_get(route.path, handler)
        else:
            server.router.add_route(route.method, route.path, handler)
