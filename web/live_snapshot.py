"""What a client of `GET /api/metrics/live` gets first: the newest metrics of its services."""

from __future__ import annotations

from itertools import chain
from typing import NamedTuple

import msgspec

from liveops.errors import Unavailable
from liveops.redis import keys
from liveops.redis.cache import Cache
from schema.times import parse_time_s

#: Metrics kept of each service, and services in a snapshot that names none.
KEPT = 100
MAX_SERVICES = 200


class Snapshot(NamedTuple):
    """The message as JSON, and the ids of the metrics in it."""

    message: bytes
    ids: set[str]


class _Metric(msgspec.Struct):
    """What is looked at of a metric."""

    id: str
    timestamp: str = ""


_decode = msgspec.json.Decoder(_Metric).decode
_DEGRADED = Snapshot(b'{"type":"snapshot","metrics":[],"degraded":["redis"]}', set())


async def read_snapshot(cache: Cache, wanted: set[str], since_s: float | None) -> Snapshot:
    """The last 100 metrics of each wanted service (of all when none is named).

    With `since_s` those of that event time and later only, and whether that is all of them.
    """
    try:
        async with cache.guard() as client:
            names = wanted or set(await client.zrevrange(keys.SERVICES, 0, MAX_SERVICES - 1))
            pipe = client.pipeline(transaction=False)
            for name in sorted(names):
                pipe.lrange(keys.live(name), 0, KEPT - 1)
            found: list[list[str]] = await pipe.execute()
    except Unavailable:
        return _DEGRADED
    told = ""
    if since_s is not None:
        told = f',"complete":{str(all(_reaches(one, since_s) for one in found)).lower()}'
        found = [[text for text in one if _time_s(text) >= since_s] for one in found]
    texts = list(chain.from_iterable(found))
    message = f'{{"type":"snapshot"{told},"metrics":[{",".join(texts)}]}}'
    return Snapshot(message.encode(), {_decode(text).id for text in texts})


def _time_s(text: str) -> float:
    return parse_time_s(_decode(text).timestamp)


def _reaches(texts: list[str], since_s: float) -> bool:
    """Whether nothing newer than that can have fallen out of a list."""
    return len(texts) < KEPT or min(map(_time_s, texts)) <= since_s
