"""A local OpenAI-compatible server: real HTTP, streamed, scripted answers, strict about requests.

It refuses (400) what OpenAI's structured output refuses: a schema that is not strict,
leaves out `required`, or allows additional properties.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

#: Takes the schema and the user message, gives the reply's JSON object.
Author = Callable[[dict[str, Any], str], dict[str, Any]]
#: What else may come instead of an answer: nothing at all, no last part, a line that breaks
#: there, an end for want of room or for no reason, text that is no JSON, a refusal.
Fault = Literal["hang", "stall", "break", "length", "silent_end", "garbage", "decline"]
#: How much of an answer comes in one chunk.
_CHUNK = 40
#: Faults that leave out the last chunk.
_CUT = ("stall", "break", "length", "silent_end")


@dataclass(slots=True)
class LlmServer:
    """What the server was asked and what it answers next; `statuses` are given first."""

    author: Author
    #: Statuses of HTTP, and faults; after them it answers well.
    statuses: list[int | Fault] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    #: Seconds that a status asks to be left alone (`Retry-After`).
    retry_after: str = ""
    #: Seconds before the last chunk.
    pause_s: float = 0.0
    url: str = ""

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/chat/completions`."""
        body = await request.json()
        self.requests.append(body)
        fault = fault_of(body, request.headers.get("Authorization", ""))
        if fault:
            self.refusals.append(fault)
            return web.json_response({"error": {"message": fault}}, status=400)
        script = self.statuses.pop(0) if self.statuses else ""
        if isinstance(script, int):
            headers = {"Retry-After": self.retry_after} if self.retry_after else None
            error = {"error": {"message": "scripted"}}
            return web.json_response(error, status=script, headers=headers)
        if script == "hang":
            await asyncio.Event().wait()
        schema = body["response_format"]["json_schema"]["schema"]
        reply = json.dumps(self.author(schema, body["messages"][1]["content"]))
        return await self._stream(request, body["model"], reply, script)

    async def _stream(
        self, request: web.Request, model: str, reply: str, script: str
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)

        async def send(**more: Any) -> None:
            await response.write(f"data: {json.dumps(chunk(model, **more))}\n\n".encode())

        if script == "decline":
            await send(delta={"refusal": "I cannot help with that."})
        text = "the cause is } {" if script == "garbage" else reply
        if script == "decline":
            text = ""
        # The last chunk is a whole one, so that what is cut is seen to be.
        first = len(text) % _CHUNK
        parts = [text[:first]] if first else []
        parts += [text[at : at + _CHUNK] for at in range(first, len(text), _CHUNK)]
        for place, part in enumerate(parts):
            if place == len(parts) - 1:
                if script in _CUT:
                    break
                await asyncio.sleep(self.pause_s)
            await send(delta={"content": part})
        if script == "stall":
            await asyncio.Event().wait()
        if script == "break" and request.transport is not None:
            request.transport.abort()
            return response
        if script != "silent_end":
            await send(delta={}, finish="length" if script == "length" else "stop")
            await send(
                usage={"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200}
            )
        await response.write(b"data: [DONE]\n\n")
        await response.write_eof()
        return response


def chunk(
    model: str, delta: dict[str, Any] | None = None, finish: str | None = None,
    usage: dict[str, int] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """A part of a streamed completion as the API sends it; usage comes without choices."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": model,
        "choices": [] if delta is None else [choice],
        "usage": usage,
    }


def fault_of(body: dict[str, Any], authorization: str) -> str:
    """Why a real server would refuse the request; empty when it would not."""
    if not authorization.startswith("Bearer "):
        return "no API key"
    form = body.get("response_format", {})
    named = form.get("json_schema", {})
    if form.get("type") != "json_schema" or named.get("strict") is not True:
        return "no strict json_schema"
    if body.get("stream") is not True or not body.get("stream_options", {}).get("include_usage"):
        return "not streamed, or without usage"
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
    action = {"text": f"Look at {first['service']}", "evidence": [cited], "risk": "low",
              "reversible": True}  # fmt: skip
    return {
        "root_cause_service": first["service"],
        "root_cause": claim,
        "technical": [claim],
        "executive": [{"text": f"{first['service']} is not healthy.", "evidence": [cited]}],
        "actions": [action],
    }


@asynccontextmanager
async def llm_server(
    author: Author = faithful, statuses: list[int | Fault] | None = None
) -> AsyncIterator[LlmServer]:
    """Serve on a free port of the loopback; `url` is for `OPENAI_BASE_URL`."""
    server = LlmServer(author, list(statuses or []))
    app = web.Application()
    app.router.add_post("/v1/chat/completions", server.complete)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    server.url = f"http://127.0.0.1:{port}/v1"
    try:
        yield server
    finally:
        await runner.cleanup()
