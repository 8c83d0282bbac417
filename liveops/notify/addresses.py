"""Where LiveOps may not be made to call: addresses of its own network."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable
from typing import Any

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
#: Prefixes in which an IPv4 address is written within an IPv6 one (NAT64).
_NAT64 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))
_RESOLVE_DEADLINE_S = 3.0
#: In the words of every refusal: what makes connections wraps errors, and keeps the words.
NOT_PUBLIC = "is not public"


class RefusedAddress(OSError):
    """The address is private, loopback, link-local, multicast or otherwise not public."""

    def __init__(self, text: str) -> None:
        super().__init__(f"the address {text} {NOT_PUBLIC}")


def is_public(text: str) -> bool:
    """Whether an address may be called; what is no address may not."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return all(one.is_global and not one.is_multicast for one in _meant(address))


def _meant(address: Address) -> list[Address]:
    """The address and the IPv4 address that it stands for."""
    found: list[Address] = [address]
    if isinstance(address, ipaddress.IPv6Address):
        for inner in (address.ipv4_mapped, address.sixtofour):
            if inner is not None:
                # A mapped address is judged by what it stands for alone.
                found = [inner] if inner == address.ipv4_mapped else [*found, inner]
        if any(address in network for network in _NAT64) or int(address) < 2**32:
            found.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return found


def socket_factory(*, allow_private: bool) -> Callable[[Any], socket.socket]:
    """Makes the sockets of a connector: the last look at an address before it is called."""

    def make(info: Any) -> socket.socket:
        family, kind, protocol, _, address = info
        if not allow_private and not is_public(address[0]):
            raise RefusedAddress(address[0])
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        return made

    return make


async def addresses_of(host: str) -> list[str]:
    """What a name stands for now; empty when it is not known."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_RESOLVE_DEADLINE_S):
            found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError, UnicodeError):
        return []
    return sorted({str(info[4][0]) for info in found})


async def check_host(host: str, *, allow_private: bool) -> None:
    """Raises RefusedAddress when a name or address leads to where we may not call."""
    if allow_private:
        return
    for address in await addresses_of(host):
        if not is_public(address):
            raise RefusedAddress(address)
