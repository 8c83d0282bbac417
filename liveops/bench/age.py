"""How old open windows are when a reader gets them, at a steady live rate."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import orjson

from liveops.bench.fill import BatchSender, batch_sender
from liveops.bench.gate import GateError
from liveops.bench.plan import Plan
from liveops.bench.records import VALUES, Load, Shape, single
from liveops.bench.stack import PrivateStack, Say, private_stack
from liveops.bench.topic_reader import TopicReader, topic_reader
from liveops.bench.visibility import Visibility, percentile
from schema.times import parse_time_s
from schema.topics import WINDOWS_OPEN

WARM_UP_S = 5.0
#: How long the last events may take to be seen before the run counts as lossy.
LAST_S = 10.0
_TICK_S = 0.02
#: Emission intervals measured, in seconds, by the name they have in the result.
INTERVALS = {"1s": 1.0, "250ms": 0.25}


async def measure(plan: Plan, say: Say) -> dict[str, dict[str, float]]:
    """Ages in milliseconds by emission interval: p50 and p99 of windows and of events.

    Raises GateError when an event is never seen in an open window.
    """
    ages: dict[str, dict[str, float]] = {}
    async with private_stack(plan.place, say) as stack:
        for name, interval_s in INTERVALS.items():
            shape = Shape(prefix=f"live{name}")
            await stack.start_worker(emit_interval_s=interval_s)
            say(f"{plan.rate} events/s for {plan.seconds:.0f} s, emission every {name}")
            async with topic_reader(stack.broker, WINDOWS_OPEN, stack.partitions) as reader:
                ages[name] = _summary(await _run(stack, reader, shape, plan))
            await stack.stop_worker()
            say(", ".join(f"{key} {value:.0f} ms" for key, value in ages[name].items()))
    return ages


async def _run(stack: PrivateStack, reader: TopicReader, shape: Shape, plan: Plan) -> Visibility:
    seen = Visibility(time.time() + WARM_UP_S)
    sending = asyncio.create_task(_produce(stack, shape, plan, seen))
    take = _taker(seen)
    try:
        while not sending.done():
            await reader.read(take)
        await sending
        end_s = time.monotonic() + LAST_S
        while seen.unseen and time.monotonic() < end_s:
            await reader.read(take)
    finally:
        sending.cancel()
    if seen.unseen:
        raise GateError(
            f"{seen.unseen} of {int(plan.rate * plan.seconds)} live events were in no open "
            f"window {LAST_S:.0f} s after the last was sent: no figure"
        )
    return seen


async def _produce(stack: PrivateStack, shape: Shape, plan: Plan, seen: Visibility) -> None:
    """Send events as their time comes, in bursts of 20 ms."""
    load = Load(0, 0, 0, shape)
    names = [shape.service(number) for number in range(shape.services)]
    homes = [load.partition(name, stack.partitions) for name in names]
    began_s, sent, total = time.monotonic(), 0, int(plan.rate * plan.seconds)
    async with batch_sender(stack.broker) as sender:
        while sent < total:
            due = min(total, int((time.monotonic() - began_s) * plan.rate))
            for number in range(sent, due):
                turn, service = divmod(number, shape.services)
                metric = shape.metric(turn % shape.metrics)
                await _send_one(sender, homes[service], names[service], metric, number, seen)
            sent = due
            await sender.send()
            await asyncio.sleep(_TICK_S)


async def _send_one(
    sender: BatchSender, home: int, service: str, metric: str, number: int, seen: Visibility
) -> None:
    time_ms = time.time_ns() // 1_000_000
    seen.on_sent(service, metric, time_ms / 1000)
    value = single(service, metric, VALUES[number & 4095], time_ms)
    await sender.add(home, service.encode(), value)


def _taker(seen: Visibility) -> Callable[[bytes, int], None]:
    def take(value: bytes, _timestamp_ms: int) -> None:
        now_s = time.time()
        for window in orjson.loads(value)["windows"]:
            seen.on_window(parse_time_s(window["broker_time"]), now_s)
            if window["window"] == "1m":
                start_s = int(parse_time_s(window["start"]))
                minute = (window["service_name"], window["metric_type"], start_s)
                seen.on_minute(minute, window["count"], now_s)

    return take


def _summary(seen: Visibility) -> dict[str, float]:
    return {
        f"{kind}_p{q}": round(percentile(ages, q), 1)
        for kind, ages in (("window", seen.window_ms), ("event", seen.event_ms))
        for q in (50, 99)
    }
