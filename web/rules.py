"""`/api/rules`: what the detectors obey."""

from __future__ import annotations

from uuid import uuid4

import msgspec
from aiohttp import web

from liveops.deps import Deps
from liveops.postgres.rules import add_rule, all_rules, delete_rule
from schema.rules import Rule
from web.bodies import read_model
from web.ids import id_of
from web.models.config import RuleAnswer, RuleBody, RulePage
from web.paging import PAGE, page_of
from web.routing import Access, Route, json_response


def routes(deps: Deps) -> list[Route]:
    """List, create and delete rules."""

    async def listing(request: web.Request) -> web.StreamResponse:
        rules = await all_rules(deps.database)
        page, cursor = page_of(request, rules, lambda rule: [rule.name, rule.id])
        return json_response({"items": msgspec.to_builtins(page), "next_cursor": cursor})

    async def create(request: web.Request) -> web.StreamResponse:
        body = await read_model(request, RuleBody)
        rule = Rule(id=str(uuid4()), **body.model_dump())
        await add_rule(deps.database, rule)
        headers = {"Location": f"/api/rules/{rule.id}"}
        return json_response(msgspec.to_builtins(rule), 201, headers)

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
        Route("DELETE", "/api/rules/{id}", delete, Access.WRITE, "Remove a rule", status=204),
    ]
