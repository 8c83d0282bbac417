"""Which metrics a worker shows: those of its service, its process, Python and its build."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import (
    GCCollector,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import CollectorRegistry

from liveops.build import build_info
from liveops.metrics import (
    analysis,
    archive,
    detection,
    http,
    ingest,
    notify,
    stores,
    windows,
    worker,
)
from liveops.metrics.group import Group

_EVERY = (worker.REGISTRY, http.REGISTRY, stores.POSTGRES)
_STREAMS = (worker.STREAMS,)
_LIVE = (stores.REDIS, http.LIVE)
#: By service; a family of another service is not shown.
SHOWN: Mapping[str, tuple[Group, ...]] = {
    "auth": (*_EVERY, stores.REDIS, stores.OUTBOX),
    "metrics": (*_EVERY, *_STREAMS, *_LIVE, windows.REGISTRY, ingest.REGISTRY),
    "incidents": (
        *_EVERY,
        *_STREAMS,
        *_LIVE,
        stores.OUTBOX,
        detection.REGISTRY,
        notify.REGISTRY,
    ),
    "analysis": (*_EVERY, *_STREAMS, *_LIVE, stores.OUTBOX, analysis.REGISTRY),
    "archive": (*_EVERY, *_STREAMS, archive.REGISTRY),
}


def registry_of(service: str) -> CollectorRegistry:
    """A registry of all that a worker of this service shows.

    Without `_created`: in the text format these are families of their own that no rule
    reads, and they would double the series.
    """
    disable_created_metrics()  # type: ignore[no-untyped-call] # the library gives it no types
    registry = CollectorRegistry()
    for group in SHOWN[service]:
        registry.register(group)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    build = build_info()
    Info("liveops_build", "Version and commit of this worker.", registry=registry).info(
        {
            "service": service,
            "version": build["app"]["version"],
            "commit": build["build"]["commit"] or "",
        }
    )
    return registry
