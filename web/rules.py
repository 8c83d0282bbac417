"""`/api/rules`: what the detectors obey."""

from __future__ import annotations

from uuid import uuid4

import msgspec
from aiohttp import web

from liveops.deps import Deps
from liveops.postgres.rules import add_rule, all_rules, delete_rule, fetch_rule, replace_rule
from schema.rules import Rule
from web.bodies import read_model
from web.ids import id_of
from web.models.config import RuleAnswer, RuleBody, RulePage
from web.paging import PAGE, page_of
from web.routing import Access, Route, json_response
from web.versions import etag, expected_version


def routes(deps: Deps) -> list[Route]:
    """List, read, create, replace and delete rules."""

    async def listing(request: web.Request) -> web.StreamResponse:
        rules = await all_rules(deps.database)
        page, cursor = page_of(request, rules, lambda rule: [rule.name, rule.id])
        return json_response({"items": msgspec.to_builtins(page), "next_cursor": cursor})

    async def create(request: web.Request) -> web.StreamResponse:
        body = await read_model(request, RuleBody)
        rule = Rule(id=str(uuid4()), **body.model_dump())
        await add_rule(deps.database, rule)
        return _answer(rule, 201, {"Location": f"/api/rules/{rule.id}"})

    async def read(request: web.Request) -> web.StreamResponse:
        return _answer(await fetch_rule(deps.database, id_of(request)))

    async def replace(request: web.Request) -> web.StreamResponse:
        rule_id, expected = id_of(request), expected_version(request)
        body = await read_model(request, RuleBody)
        rule = Rule(id=rule_id, **body.model_dump())
        return _answer(await replace_rule(deps.database, rule, expected_version=expected))

    async def delete(request: web.Request) -> web.StreamResponse:
        await delete_rule(deps.database, id_of(request))
        return web.Response(status=204)

    return [
        Route(
            "GET",
            "/api/rules",
            listing,
            Access.READ,
            "All rules",
            response_model=RulePage,
            query=PAGE,
        ),
        Route(
            "POST",
            "/api/rules",
            create,
            Access.WRITE,
            "Add a rule, in force within two seconds",
            request_model=RuleBody,
            response_model=RuleAnswer,
            status=201,
        ),
        Route("GET", "/api/rules/{id}", read, Access.READ, "One rule", response_model=RuleAnswer),
        Route(
            "PUT",
            "/api/rules/{id}",
            replace,
            Access.WRITE,
            "Put another rule in its place, whole; If-Match is honoured. What it no longer "
            "chooses ends; in force within two seconds",
            request_model=RuleBody,
            response_model=RuleAnswer,
        ),
        Route("DELETE", "/api/rules/{id}", delete, Access.WRITE, "Remove a rule", status=204),
    ]


def _answer(rule: Rule, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return json_response(msgspec.to_builtins(rule), status, etag(rule.version) | (headers or {}))
