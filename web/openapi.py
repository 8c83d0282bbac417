"""`/openapi.json` from the routes and models, and `/docs` to read it without a CDN."""

from __future__ import annotations

import html
import re
from typing import Any

import orjson
from aiohttp import web
from pydantic import BaseModel

from liveops import __version__
from web.routing import Access, Query, Route

_REF = "#/components/schemas/{model}"
_PROBLEM = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {"type": "array", "items": {"type": "object"}},
        "request_id": {"type": "string"},
    },
}
_COMMON = (
    "Every error is a problem document (RFC 9457) with the id of its request, also where the "
    "request is no HTTP (400), its head is too large (431) or late (408 after 10 s), its body "
    "is late (408 after 30 s) or it expects anything but 100-continue (417). Bodies hold at "
    "most 8 MiB, before and after decompression (gzip or x-gzip, of any number of members); "
    "what is refused without its body is refused before 100 Continue."
)
_STYLE = (
    ":root{color-scheme:light dark;font:15px/1.5 system-ui,sans-serif}"
    "body{max-width:70rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #8884}"
)
_WHO = {
    Access.PUBLIC: "anybody",
    Access.INGEST: "ENGINEER, ingest token",
    Access.READ: "ENGINEER, MANAGER",
    Access.WRITE: "ENGINEER",
}


def routes(service: str, documented: list[Route]) -> list[Route]:
    """The two documentation routes of a service."""
    document = describe(service, documented)
    encoded, page = orjson.dumps(document), _page(document)

    async def as_json(request: web.Request) -> web.StreamResponse:
        return web.Response(body=encoded, content_type="application/json")

    async def as_page(request: web.Request) -> web.StreamResponse:
        return web.Response(text=page, content_type="text/html")

    return [
        Route("GET", "/openapi.json", as_json, Access.PUBLIC, "This document"),
        Route("GET", "/docs", as_page, Access.PUBLIC, "This document, readable"),
    ]


def describe(service: str, documented: list[Route]) -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    schemas: dict[str, Any] = {"Problem": _PROBLEM}
    paths: dict[str, dict[str, Any]] = {}
    for route in documented:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"LiveOps AI: {service}",
            "version": __version__,
            "description": _COMMON,
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            },
        },
    }


def _operation(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": route.summary,
        "description": f"For: {_WHO[route.access]}." + (" A WebSocket." if route.websocket else ""),
        "parameters": _parameters(route),
        "responses": {
            str(101 if route.websocket else route.status): _answer(route, schemas),
            "default": {
                "description": "A problem document (RFC 9457)",
                "content": {
                    "application/problem+json": {"schema": {"$ref": _REF.format(model="Problem")}}
                },
            },
        },
    }
    if route.access is not Access.PUBLIC:
        operation["security"] = [{"bearer": []}]
    if route.request_model is not None:
        body = _content(route.request_model, schemas)
        operation["requestBody"] = {"required": True, "content": body["content"]}
    elif route.media_types:
        operation["requestBody"] = {"required": True, "content": _opaque(route.media_types)}
    return operation


def _answer(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    answer = _content(route.response_model, schemas)
    if not route.answer_types:
        return answer
    return answer | {"content": answer.get("content", {}) | _opaque(route.answer_types)}


def _opaque(media_types: tuple[str, ...]) -> dict[str, Any]:
    """Content of another format, which OpenAPI has no words for."""
    return {media_type: {} for media_type in media_types}


def _parameters(route: Route) -> list[dict[str, Any]]:
    found = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{(\w+)", route.path)
    ]
    for place, parameters in (("query", route.query), ("header", route.headers)):
        found += [_parameter(parameter, place) for parameter in parameters]
    return found


def _parameter(parameter: Query, place: str) -> dict[str, Any]:
    one = parameter.schema or {"type": "string"}
    return {
        "name": parameter.name,
        "in": place,
        "required": parameter.required,
        "description": parameter.description,
        "schema": {"type": "array", "items": one} if parameter.repeated else one,
    }


def _content(model: type[BaseModel] | None, schemas: dict[str, Any]) -> dict[str, Any]:
    if model is None:
        return {"description": "Done"}
    schema = model.model_json_schema(ref_template=_REF)
    schemas |= schema.pop("$defs", {})
    schemas[model.__name__] = schema
    reference = {"$ref": _REF.format(model=model.__name__)}
    return {
        "description": (model.__doc__ or "").strip(),
        "content": {"application/json": {"schema": reference}},
    }


def _page(document: dict[str, Any]) -> str:
    rows = [
        f"<tr><td><code>{method.upper()}</code></td><td><code>{html.escape(path)}</code></td>"
        f"<td>{html.escape(operation['summary'])}</td>"
        f"<td>{html.escape(operation['description'])}</td></tr>"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]
    title = html.escape(document["info"]["title"])
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>"
        f"<meta name=viewport content='width=device-width'><style>{_STYLE}</style>"
        f"<h1>{title}</h1><p>Machine-readable: <a href=/openapi.json>/openapi.json</a></p>"
        f"<table><thead><tr><th>Method<th>Path<th>What<th>For</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></html>"
    )
