"""`liveops send` against the running product: both entrances count every row once."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from uuid import uuid4

import pytest
from typer.testing import CliRunner, Result

from liveops.cli.commands import app
from tests.client import Client, eventually
from tests.stack import TestStack

pytestmark = pytest.mark.integration


def send(stack: TestStack, text: str, *words: str) -> Result:
    """In a thread: the command runs an event loop of its own."""
    data_dir = ("--data-dir", str(stack.data_dir))
    return CliRunner().invoke(app, ["send", "-", *data_dir, *words], input=text)


@pytest.mark.parametrize("via", ["http", "kafka"])
async def test_a_file_sent_twice_counts_once_and_a_bad_row_is_told(
    stack: TestStack, engineer: Client, via: str
) -> None:
    service = f"svc-{uuid4().hex[:12]}"
    start_s = int(time.time() // 60) * 60 - 120
    lines = [f"{start_s + second};{service};cpu;{second}" for second in range(50)]
    text = "\r\n".join(["Time;Service;Metric;Value", *lines[:20], f"{start_s};{service};cpu;1e400",
                        *lines[20:]])  # fmt: skip
    for _ in range(2):
        result = await asyncio.to_thread(send, stack, text, "--via", via)
        assert result.exit_code == 1, result.output
        assert "line 22: value: must be a finite number" in result.stderr
        assert "sent 50 metrics" in result.stdout
    # A record behind the others: what came before it has been counted.
    await asyncio.to_thread(send, stack, f"{time.time()},{service},last,1", "--via", via)

    async def folded() -> dict[str, Any] | None:
        found = await engineer.get(f"/api/metrics/aggregated?service={service}")
        kinds = {series["metric_type"]: series["points"] for series in found["series"]}
        return kinds["cpu"][0] if {"cpu", "last"} <= {*kinds} else None

    point = await eventually(folded, "the window")
    assert (point["count"], point["sum"]) == (50, sum(range(50)))
