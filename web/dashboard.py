"""The dashboard: static files from memory, and `/config.json` with the addresses it calls."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web

from liveops.deps import Deps
from liveops.errors import NotFound
from liveops.settings import Settings
from web.routing import Access, Handler, Route, json_response

STATIC = Path(__file__).parent / "static"
#: Content types by suffix; a file of another kind is not served.
_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as sent: plain, compressed, and the tag of its content."""

    plain: bytes
    compressed: bytes
    content_type: str
    etag: str


def routes(deps: Deps) -> list[Route]:
    """`/`, what the page loads, and where it finds the services."""
    assets = load_assets(STATIC)
    origins = service_urls(deps.settings)
    policy = security_headers(origins.values())

    async def config(request: web.Request) -> web.StreamResponse:
        return json_response(origins, headers={"Cache-Control": "no-cache"})

    def files(folder: str) -> Handler:
        async def get(request: web.Request) -> web.StreamResponse:
            name = request.match_info.get("name", "")
            return _answer(request, assets.get(f"{folder}/{name}"), policy)

        return get

    def file(name: str) -> Handler:
        async def get(request: web.Request) -> web.StreamResponse:
            return _answer(request, assets.get(name), policy)

        return get

    return [
        Route("GET", "/", file("index.html"), Access.PUBLIC, "The dashboard"),
        Route("GET", "/app.css", file("app.css"), Access.PUBLIC, "Its style sheet"),
        Route("GET", "/favicon.svg", file("favicon.svg"), Access.PUBLIC, "Its icon"),
        Route("GET", "/js/{name}", files("js"), Access.PUBLIC, "Its modules"),
        Route("GET", "/vendor/{name}", files("vendor"), Access.PUBLIC, "uPlot and its licence"),
        Route("GET", "/config.json", config, Access.PUBLIC, "Base URL of each service"),
    ]


def service_urls(settings: Settings) -> dict[str, str]:
    """Base URL of each service as a browser reaches it; empty means the page's own origin."""
    return {
        "auth": settings.auth_url.rstrip("/"),
        "metrics": settings.metrics_url.rstrip("/"),
        "incidents": settings.incidents_url.rstrip("/"),
        "analysis": settings.analysis_url.rstrip("/"),
    }


def load_assets(root: Path) -> dict[str, Asset]:
    """All files below `root` by relative path; read once, so that no request names a path."""
    return {
        path.relative_to(root).as_posix(): _asset(path)
        for path in sorted(root.rglob("*"))
        if path.suffix in _TYPES
    }


def _asset(path: Path) -> Asset:
    plain = path.read_bytes()
    etag = f'"{hashlib.sha256(plain).hexdigest()[:32]}"'
    return Asset(plain, gzip.compress(plain, mtime=0), _TYPES[path.suffix], etag)


def security_headers(urls: Iterable[str]) -> dict[str, str]:
    """What the browser may do with the page: own files only, and talk to our services."""
    connect = ["'self'"]
    for parts in map(urlsplit, dict.fromkeys(urls)):
        if parts.netloc:
            socket = "wss" if parts.scheme == "https" else "ws"
            connect += [f"{parts.scheme}://{parts.netloc}", f"{socket}://{parts.netloc}"]
    directives = [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        f"connect-src {' '.join(dict.fromkeys(connect))}",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    ]
    return {
        "Content-Security-Policy": "; ".join(directives),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "no-cache",
    }


def _answer(request: web.Request, asset: Asset | None, policy: dict[str, str]) -> web.Response:
    if asset is None:
        raise NotFound("no such file")
    headers = policy | {"ETag": asset.etag, "Vary": "Accept-Encoding"}
    known = {tag.strip().removeprefix("W/") for tag in _listed(request, "If-None-Match")}
    if asset.etag in known:
        return web.Response(status=304, headers=headers)
    body = asset.plain
    if any(item.split(";")[0].strip() == "gzip" for item in _listed(request, "Accept-Encoding")):
        headers["Content-Encoding"] = "gzip"
        body = asset.compressed
    return web.Response(
        body=body, headers=headers, content_type=asset.content_type, charset="utf-8"
    )


def _listed(request: web.Request, header: str) -> list[str]:
    return request.headers.get(header, "").split(",")
