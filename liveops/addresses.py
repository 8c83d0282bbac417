"""IP addresses and networks as they are written in settings and headers."""

from __future__ import annotations

from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network


def address_of(text: str) -> Address | None:
    """An IP address, perhaps with a port or in brackets; None when it is none.

    IPv4 addresses mapped into IPv6 are IPv4 addresses.
    """
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def networks_of(text: str) -> tuple[Network, ...]:
    """Networks in CIDR notation or single addresses, separated by commas; ValueError."""
    return tuple(ip_network(item.strip(), strict=False) for item in text.split(",") if item.strip())
