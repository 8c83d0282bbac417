"""The synthetic shop: twelve services, who calls whom, and how each is when healthy."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Service:
    """Healthy levels at mean load: milliseconds, requests a second, share, %, MB."""

    name: str
    callees: tuple[str, ...]
    latency_ms: float
    requests: float
    error_rate: float
    cpu: float
    memory_mb: float


SHOP: tuple[Service, ...] = (
    Service("storefront", ("catalog", "search", "cart", "checkout"), 140, 220, 0.004, 45, 620),
    Service("catalog", ("catalog-db", "recommendations"), 45, 310, 0.002, 38, 480),
    Service("search", ("search-index",), 60, 150, 0.003, 52, 900),
    Service("cart", ("cart-cache",), 25, 120, 0.002, 30, 350),
    Service("checkout", ("payments", "inventory", "orders-db"), 180, 40, 0.005, 35, 420),
    Service("recommendations", ("search-index",), 70, 90, 0.003, 60, 1100),
    Service("payments", (), 110, 38, 0.004, 25, 300),
    Service("inventory", ("orders-db",), 30, 75, 0.002, 28, 280),
    Service("catalog-db", (), 8, 420, 0.001, 40, 2100),
    Service("search-index", (), 12, 260, 0.001, 48, 1600),
    Service("cart-cache", (), 2, 380, 0.0008, 18, 750),
    Service("orders-db", (), 10, 130, 0.001, 36, 1900),
)
BY_NAME: dict[str, Service] = {service.name: service for service in SHOP}


def edges() -> list[tuple[str, str]]:
    """(caller, callee) of every call."""
    return [(service.name, callee) for service in SHOP for callee in service.callees]


def callers_by_distance(name: str) -> dict[str, int]:
    """Services that depend on `name`, with the length of the shortest chain of calls."""
    found: dict[str, int] = {}
    ring = {name}
    distance = 0
    while ring:
        distance += 1
        above = {service.name for service in SHOP if ring & set(service.callees)}
        ring = above - found.keys() - {name}
        found |= dict.fromkeys(ring, distance)
    return found
