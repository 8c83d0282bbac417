"""A local OpenAI-compatible server: real HTTP, scripted answers, strict about requests.

It refuses (400) what OpenAI's structured output refuses: a schema that is not strict,
leaves out `required`, or allows additional properties.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

#: Takes the schema and the user message, gives the reply's JSON object.
Author = Callable[[dict[str, Any], str], dict[str, Any]]


@dataclass(slots=True)
class LlmServer:
    """What the server was asked and what it answers next; `statuses` are given first."""

    author: Author
    statuses: list[int] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    url: str = ""

    async def complete(self, request: web.Request) -> web.Response:
        """`POST /v1/chat/completions`."""
        body = await request.json()
        self.requests.append(body)
        fault = fault_of(body, request.headers.get("Authorization", ""))
        if fault:
            self.refusals.append(fault)
            return web.json_response({"error": {"message": fault}}, status=400)
        if self.statuses:
            status = self.statuses.pop(0)
            return web.json_response({"error": {"message": "scripted"}}, status=status)
        schema = body["response_format"]["json_schema"]["schema"]
        reply = json.dumps(self.author(schema, body["messages"][1]["content"]))
        return web.json_response(completion(body["model"], reply))


def completion(model: str, content: str) -> dict[str, Any]:
    """A chat completion as the API answers it."""
    message = {"role": "assistant", "content": content, "refusal": None}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200},
    }


def fault_of(body: dict[str, Any], authorization: str) -> str:
    """Why a real server would refuse the request; empty when it would not."""
    if not authorization.startswith("Bearer "):
        return "no API key"
    form = body.get("response_format", {})
    named = form.get("json_schema", {})
    if form.get("type") != "json_schema" or named.get("strict") is not True:
        return "no strict json_schema"
    if [message.get("role") for message in body.get("messages", [])] != ["system", "user"]:
        return "messages must be system and user"
    schema = named.get("schema", {})
    for part in (schema, *schema.get("$defs", {}).values()):
        if part.get("additionalProperties") is not False:
            return "additionalProperties must be false"
        if sorted(part.get("required", [])) != sorted(part.get("properties", {})):
            return "required must name every property"
    return ""


def faithful(schema: dict[str, Any], user: str) -> dict[str, Any]:
    """A reply that blames the first ranked service and quotes its evidence."""
    facts = json.loads(user[user.index("{") : user.rindex("}") + 1])
    first = facts["ranking"][0]
    cited = first["evidence"][0]
    claim = {"text": facts["evidence"][cited], "evidence": [cited]}
    action = {"text": f"Look at {first['service']}", "evidence": [cited]}
    return {
        "root_cause_service": first["service"],
        "root_cause": claim,
        "technical": [claim],
        "executive": [{"text": "A part of the system is not healthy.", "evidence": [cited]}],
        "actions": [action],
    }


@asynccontextmanager
async def llm_server(author: Author = faithful, statuses: list[int] | None = None,
                     ) -> AsyncIterator[LlmServer]:  # fmt: skip
    """Serve on a free port of the loopback; `url` is for `OPENAI_BASE_URL`."""
    server = LlmServer(author, list(statuses or []))
    app = web.Application()
    app.router.add_post("/v1/chat/completions", server.complete)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    server.url = f"http://127.0.0.1:{port}/v1"
    try:
        yield server
    finally:
        await runner.cleanup()
