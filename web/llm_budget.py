"""`GET /api/analysis/budget`: what the language model has cost, and what is left."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from aiohttp import web

from liveops.llm.budget import Amount, left
from liveops.llm.client import LlmClient
from liveops.postgres.llm_calls import LlmCalls
from web.models.analysis import BudgetBody
from web.query_params import invalid, service_of
from web.routing import Access, Query, Route, json_response


def routes(calls: LlmCalls, llm: LlmClient | None) -> list[Route]:
    """The one route."""

    async def get(request: web.Request) -> web.StreamResponse:
        service, incident_id = service_of(request), _incident_of(request)
        spent = await calls.spent(service or "", incident_id or "")
        return json_response(
            {
                "model": None if llm is None else llm.model,
                "day": _account(calls.limits["day"], spent["day"]),
                "service": _account(calls.limits["service"], spent["service"]) if service else None,
                "incident": _account(calls.limits["incident"], spent["incident"])
                if incident_id
                else None,
                "services": await calls.by_service(),
            }
        )

    return [
        Route("GET", "/api/analysis/budget", get, Access.READ,
              "Tokens and dollars that the language model has cost today (UTC), for all copies of "
              "the worker, with what is reserved for calls under way, the limits and what is left",
              response_model=BudgetBody, query=(
                  Query("service", "Also of the incidents of this service"),
                  Query("incident_id", "Also of this incident, in all",
                        schema={"type": "string", "format": "uuid"}),
              )),
    ]  # fmt: skip


def _incident_of(request: web.Request) -> str | None:
    text = request.query.get("incident_id")
    try:
        return None if text is None else str(UUID(text))
    except ValueError:
        raise invalid("incident_id", "is no UUID") from None


def _account(limit: Amount, spent: Amount) -> dict[str, Any]:
    return {
        "tokens": spent.tokens,
        "usd": round(spent.usd, 6),
        "max_tokens": limit.tokens,
        "max_usd": limit.usd,
        "left": round(min(left(limit, spent).values()), 4),
    }
