"""What is sent: an endless stream of records that depends on the seed alone.

Event time advances with the number of metrics, `speed` times faster than they are
meant to be sent, so that a producer that has to wait leaves no gap.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

SERVICES = tuple(f"chaos-{number:02d}" for number in range(12))
#: Its metrics bring no time of their own: the broker's counts.
UNTIMED = "chaos-now"
METRICS = ("latency_ms", "requests", "delta")
HOSTS = ("", "a", "b")
#: A rule watches each; all breaches of one service are of one rule.
LEVELS = ("level.low", "level.mid", "level.high")
LEVEL_LIMIT = 500.0
LEVEL_EVERY_S = 5.0
QUARTER_HOUR_S = 900
Route = Literal["kafka", "http"]
Item = dict[str, Any]


@dataclass(slots=True)
class Record:
    """One record or one HTTP call. `home` None: the producer's choice of a wrong partition."""

    service: str
    items: list[Item]
    route: Route = "kafka"
    home: bool = True
    value: bytes | None = None
    #: Idempotency-Key of an HTTP call, and whether it is sent again after its 202.
    key: str = ""
    again: bool = False
    #: The client of the first try goes away after so many seconds.
    hasty_s: float | None = None
    partition: int | None = None
    #: A second record with the ids of the one before.
    repeat: bool = False


@dataclass(frozen=True, slots=True)
class Breach:
    """A service above the limit of a rule, in event seconds since the start."""

    service: str
    level: str
    from_s: float
    to_s: float


@dataclass
class Traffic:
    """The stream of one run. `start_s` is the first event time, `span_s` the planned length."""

    seed: int
    start_s: float
    span_s: float
    rate: float
    speed: float
    sent: int = 0
    breaches: list[Breach] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._levels_due_s = 0.0
        self._round = 0
        length_s = min(360.0, self.span_s / 5)
        for number, service in enumerate(SERVICES[: 2 * len(SERVICES) // 3]):
            from_s = self._random.uniform(0.2, 0.5) * self.span_s // 60 * 60
            level = LEVELS[number % len(LEVELS)]
            self.breaches.append(Breach(service, level, from_s, from_s + length_s))

    @property
    def event_s(self) -> float:
        """Event time reached."""
        return self.start_s + self.sent / self.rate * self.speed

    def records(self) -> Iterator[Record]:
        """The stream; levels come between at their own rhythm."""
        while True:
            if self.event_s - self.start_s >= self._levels_due_s:
                yield from self._level_records()
            for record in self._next():
                self.sent += len(record.items)
                yield record

    def _level_records(self) -> Iterator[Record]:
        at_s = self._levels_due_s
        self._levels_due_s += LEVEL_EVERY_S
        self._round += 1
        for number, service in enumerate(SERVICES):
            level = LEVELS[number % len(LEVELS)]
            high = any(b.service == service and b.from_s <= at_s < b.to_s for b in self.breaches)
            value = self._quarters(600, 900) if high else self._quarters(1, 400)
            item = {"metric_type": level, "value": value, "timestamp": self.start_s + at_s}
            # By every partition in turn: whichever way runs ahead brings the breach along.
            yield _encoded(Record(service, [item], partition=self._round + number))
        untimed = {"metric_type": "requests", "value": self._quarters(0, 100)}
        yield _encoded(Record(UNTIMED, [untimed], home=self._round % 2 == 0))

    def _next(self) -> list[Record]:
        dice = self._random.random()
        service = self._random.choice(SERVICES)
        if dice < 0.004:
            return [Record(service, [], home=self._coin(), value=self._garbage(service))]
        if dice < 0.006:
            return [Record(service, [], home=self._coin())]
        if dice < 0.012:
            return self._twice(service)
        if dice < 0.03:
            return [self._http(service)]
        if dice < 0.08:
            return [self._of_several()]
        count = 1 if self._random.random() < 0.4 else self._random.randint(2, 14)
        record = Record(service, [self._item() for _ in range(count)], home=self._coin())
        if count > 1 and self._random.random() < 0.01:
            record.value = self._half_good(record)
            return [record]
        return [_encoded(record)]

    def _coin(self) -> bool:
        return self._random.random() < 0.5

    def _quarters(self, low: int, high: int) -> float:
        return self._random.randrange(4 * low, 4 * high + 1) / 4

    def _twice(self, service: str) -> list[Record]:
        """The same ids in two records, also by two ways: they count once."""
        items = [{**self._item(), "id": self._uuid()} for _ in range(self._random.randint(1, 4))]
        first, second = (_encoded(Record(service, items, home=self._coin())) for _ in "ab")
        second.repeat = True
        return [first, second]

    def _of_several(self) -> Record:
        """A list or lines of metrics of several services, on any partition."""
        items = [
            {"service_name": self._random.choice(SERVICES), **self._item()}
            for _ in range(self._random.randint(2, 14))
        ]
        record = Record("", items, partition=self._random.randrange(64))
        lines = [json.dumps(item) for item in items]
        record.value = ("\n".join(lines) if self._coin() else f"[{','.join(lines)}]").encode()
        return record

    def _http(self, service: str) -> Record:
        items = [self._item() for _ in range(self._random.randint(20, 60))]
        hasty = self._random.random() < 0.2
        return Record(
            service,
            items,
            route="http",
            key=self._uuid(),
            again=self._random.random() < 0.1,
            hasty_s=self._random.uniform(0.002, 0.05) if hasty else None,
        )

    def _uuid(self) -> str:
        return str(UUID(int=self._random.getrandbits(128), version=4))

    def _item(self) -> Item:
        kind, host = self._random.choice(METRICS), self._random.choice(HOSTS)
        low, high = (-1000, 0) if kind == "delta" else (0, self._random.choice((10, 999_999)))
        time_s = round(self.event_s - self._behind_s(), 6)
        item: Item = {"metric_type": kind, "value": self._quarters(low, high)}
        item["timestamp"] = time_s if self._coin() else _rfc3339(time_s)
        if host:
            item["tags"] = {"host": host, "zone": "z"} if host == "b" else {"host": host}
        return item

    def _behind_s(self) -> float:
        """Mostly in order, some within the lateness, a few late, fewer very late."""
        dice = self._random.random()
        if dice < 0.0004:
            return self._random.uniform(3900, 5400)
        if dice < 0.02:
            return self._random.uniform(30, 420)
        return self._random.uniform(0, 9) if dice < 0.2 else self._random.random() / 100

    def _garbage(self, service: str) -> bytes:
        good = {"service_name": service, "metric_type": "m", "value": 1, "timestamp": self.event_s}
        bad = (
            b"",
            b"{",
            b"\xff\xfe\x00",
            b"[1, 2]",
            json.dumps({**good, "value": True}).encode(),
            json.dumps({**good, "value": "1"}).encode(),
            json.dumps({**good, "extra": 1}).encode(),
            json.dumps({**good, "timestamp": 5}).encode(),
            json.dumps({**good, "timestamp": 9e9}).encode(),
            json.dumps({**good, "service_name": "a b"}).encode(),
            json.dumps({"service_name": service, "metrics": []}).encode(),
            json.dumps({**good, "tags": {"liveops_overflow": "true"}}).encode(),
            json.dumps({**good, "service_name": "liveops_overflow/0"}).encode(),
            self._mostly_bad(service),
        )
        return self._random.choice(bad)

    def _half_good(self, record: Record) -> bytes:
        """A batch in which one item names another service and one is no metric."""
        bad = [{**self._item(), "service_name": "chaos-other"}, {"metric_type": "m"}]
        items = [*record.items[:1], *bad, *record.items[1:]]
        return json.dumps({"service_name": record.service, "metrics": items}).encode()

    def _mostly_bad(self, service: str) -> bytes:
        """Thirty bad items, among them two good ones."""
        bad: list[Item] = [{**self._item(), "tags": {"liveops_overflow": ""}} for _ in range(10)]
        bad += [{"metric_type": "m"}] * 20
        items = [self._item(), *bad, self._item()]
        return json.dumps({"service_name": service, "metrics": items}).encode()

    def closing(self) -> list[Record]:
        """One record a service that closes every quarter of an hour with data in it."""
        quarter = (int(self.event_s) // QUARTER_HOUR_S + 1) * QUARTER_HOUR_S
        item = {"metric_type": "requests", "value": 1.0, "timestamp": float(quarter + 90)}
        return [_encoded(Record(service, [item])) for service in SERVICES]


def _encoded(record: Record) -> Record:
    if len(record.items) == 1:
        plain: Item = {"service_name": record.service, **record.items[0]}
    else:
        plain = {"service_name": record.service, "metrics": record.items}
    record.value = json.dumps(plain).encode()
    return record


def _rfc3339(time_s: float) -> str:
    text = datetime.fromtimestamp(time_s, UTC).isoformat(timespec="microseconds")
    return text.replace("+00:00", "Z")
