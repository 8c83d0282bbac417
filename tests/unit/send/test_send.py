"""Every file form becomes the same rows; times move as asked."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveops.clock import FakeClock
from liveops.errors import InvalidInput
from liveops.send.deliver import deliver_all
from liveops.send.formats import Naming, Row, read_rows
from liveops.send.retime import MAX_AGE_S, Retimer, batches

NOW_S = 1_700_000_000.0
NAMING = Naming("cart", "cpu", NOW_S)
ROWS = [Row(100.0, "cart", "cpu", 1.5, {}), Row(160.0, "cart", "cpu", 2.0, {})]
OBJECTS = [
    {"service_name": "cart", "metric_type": "cpu", "value": r.value, "timestamp": r.at_s}
    for r in ROWS
]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(json.dumps(OBJECTS), id="JSON array"),
        pytest.param("\n \n" + json.dumps(OBJECTS, indent=2), id="JSON array over lines"),
        pytest.param("\n".join(map(json.dumps, OBJECTS)), id="NDJSON"),
        pytest.param(json.dumps({"metrics": OBJECTS}), id="metrics object"),
        pytest.param(
            "timestamp,service_name,metric_type,value\n100,cart,cpu,1.5\n160,cart,cpu,2\n",
            id="long CSV",
        ),
        pytest.param(
            "value,metric_type,service_name,timestamp\n1.5,cpu,cart,100\n2,cpu,cart,160\n",
            id="long CSV in another order",
        ),
        pytest.param("timestamp,value\n1970-01-01 00:01:40,1.5\n160,2\n", id="short CSV"),
        pytest.param("timestamp,value\r\n1970-01-01T00:01:40Z,1.5\r\n160,2\r\n", id="CRLF"),
    ],
)
def test_all_forms_give_the_same_rows(text: str) -> None:
    assert list(read_rows(io.StringIO(text), NAMING)) == ROWS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("a,b\n1,2\n", "unknown format", id="foreign header"),
        pytest.param("timestamp,value\n100,x\n", "line 2", id="value no number"),
        pytest.param("timestamp,value\n100,nan\n", "finite", id="NaN"),
        pytest.param("timestamp,value\nyesterday,1\n", "line 2", id="bad time"),
        pytest.param('{"service_name":"a"}\n', "line 1", id="field missing"),
        pytest.param('[{"value":', "not JSON", id="broken array"),
        pytest.param("[1]", "item 1", id="no object"),
    ],
)
def test_faults_name_their_place(text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        list(read_rows(io.StringIO(text), NAMING))


def test_a_short_file_needs_names() -> None:
    with pytest.raises(InvalidInput, match="--service"):
        list(read_rows(io.StringIO("timestamp,value\n1,2\n"), Naming(None, None, NOW_S)))


def test_rebasing_puts_the_last_row_at_now_and_keeps_distances() -> None:
    moved = list(Retimer(160.0, NOW_S, NOW_S).rows(ROWS))
    assert [row.at_s for row in moved] == [NOW_S - 60, NOW_S]


def test_compressing_divides_distances() -> None:
    moved = list(Retimer(160.0, NOW_S, NOW_S, compress=30).rows(ROWS))
    assert [row.at_s for row in moved] == [NOW_S - 2, NOW_S]


def test_rows_older_than_a_week_are_left_out_and_counted() -> None:
    old = Row(160.0 - MAX_AGE_S - 1, "cart", "cpu", 1.0, {})
    retimer = Retimer(160.0, NOW_S, NOW_S)
    assert len(list(retimer.rows([old, *ROWS]))) == 2
    assert retimer.too_old == 1


@given(st.lists(st.floats(0, 1e6), max_size=60), st.integers(1, 10), st.floats(1, 1e4))
def test_batches_keep_every_row_in_order(times: list[float], size: int, span_s: float) -> None:
    rows = [Row(t, "s", "m", float(i), {}) for i, t in enumerate(sorted(times))]
    got = list(batches(rows, size, span_s))
    assert [row for batch in got for row in batch] == rows
    assert all(0 < len(batch) <= size for batch in got)
    assert all(batch[-1].at_s - batch[0].at_s < span_s for batch in got)


async def test_everything_is_delivered_and_counted() -> None:
    rows = [Row(float(i), "s", "m", 1.0, {}) for i in range(2500)]
    delivered: list[list[Row]] = []
    steps: list[int] = []

    async def deliver(batch: list[Row]) -> None:
        delivered.append(batch)

    assert await deliver_all(rows, deliver, FakeClock(), None, steps.append) == 2500
    assert steps == [1000, 1000, 500]
    assert [row for batch in delivered for row in batch] == rows
