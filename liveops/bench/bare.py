"""The baseline of `liveops bench ingest`: a bare handler, `python -m liveops.bench.bare PORT`.

It reads and parses the body and answers 202: no token, no validation, no broker.
"""

from __future__ import annotations

import sys

import orjson
from aiohttp import web


async def _accept(request: web.Request) -> web.Response:
    orjson.loads(await request.read())
    return web.Response(status=202, body=b'{"accepted":1}', content_type="application/json")


def application() -> web.Application:
    """The handler at the path of the product."""
    app = web.Application()
    app.router.add_post("/api/metrics", _accept)
    return app


if __name__ == "__main__":
    web.run_app(application(), host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
