"""Where a request comes from, also behind ingresses that we trust."""

from __future__ import annotations

from aiohttp import web

from liveops.addresses import Network, address_of

FORWARDED = "X-Forwarded-For"


def client_address(request: web.Request, trusted: tuple[Network, ...]) -> str:
    """The IP address of the client, "" when there is none.

    Each hop adds the address it was called from at the right end of `X-Forwarded-For`, so
    the header is read from there, as far as trusted hops go: what stands left of the first
    stranger, the client may have written itself.
    """
    found = address_of(request.remote or "")
    if found is None:
        return ""
    told = ",".join(request.headers.getall(FORWARDED, [])).split(",")
    while told and any(found in network for network in trusted):
        hop = address_of(told.pop())
        if hop is None:
            break
        found = hop
    return str(found)
