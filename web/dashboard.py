"""The dashboard: static files at `/`, and where the services are."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from liveops.services.deps import Deps
from web.routing import Access, Route, json_response

STATIC = Path(__file__).parent / "static"


def routes(deps: Deps) -> list[Route]:
    """`/`, `/static/…` and `/config.json`."""
    settings = deps.settings
    origins = {
        "auth": settings.auth_url,
        "metrics": settings.metrics_url,
        "incidents": settings.incidents_url,
        "analysis": settings.analysis_url,
    }

    async def index(request: web.Request) -> web.StreamResponse:
        return _file(STATIC / "index.html", origins)

    async def asset(request: web.Request) -> web.StreamResponse:
        path = (STATIC / request.match_info["path"]).resolve()
        if not path.is_relative_to(STATIC) or not path.is_file():
            raise web.HTTPNotFound
        return _file(path, origins)

    async def config(request: web.Request) -> web.StreamResponse:
        return json_response(origins)

    return [
        Route("GET", "/", index, Access.PUBLIC, "The dashboard"),
        Route("GET", "/static/{path:.+}", asset, Access.PUBLIC, "Its files"),
        Route("GET", "/config.json", config, Access.PUBLIC, "Where the services are"),
    ]


def _file(path: Path, origins: dict[str, str]) -> web.FileResponse:
    hosts = " ".join(origins.values())
    sockets = hosts.replace("http", "ws")
    policy = (
        "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
        f"connect-src 'self' {hosts} {sockets}; frame-ancestors 'none'; base-uri 'none'"
    )
    headers = {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-cache",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
    }
    return web.FileResponse(path, headers=headers)
