"""Times move as asked; batches keep every row; what is sent twice carries the same keys."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveops.client import AsyncClient
from liveops.clock import FakeClock
from liveops.send.deliver import Origin, Sendable, batches, deliver_all, over_http
from liveops.send.report import Outcome
from liveops.send.retime import EDGE_S, Move, Retimer
from liveops.send.rows import Row
from schema.metrics import Metric, MetricFault

NOW_S = 1_700_000_000.0
WEEK_S = 7 * 86_400.0


def row(number: int, at_s: float) -> Row:
    return Row(number, number, Metric("", "cart", "cpu", 1.0, {}, at_s))


def times(retimer: Retimer, rows: list[Row]) -> list[float | str]:
    return [
        r.verdict.reason if isinstance(r.verdict, MetricFault) else r.verdict.timestamp_s
        for r in retimer.rows(rows)
    ]


def retimer(compress: float = 1.0, *, rebase: bool = True, anchor_s: float = NOW_S) -> Retimer:
    return Retimer(Move(160.0, anchor_s, compress), FakeClock(NOW_S), WEEK_S, rebase)


def test_rebasing_puts_the_last_row_at_now_and_keeps_distances() -> None:
    assert times(retimer(), [row(1, 100.0), row(2, 160.0)]) == [NOW_S - 60, NOW_S]


def test_compressing_divides_distances() -> None:
    assert times(retimer(30), [row(1, 100.0), row(2, 160.0)]) == [NOW_S - 2, NOW_S]


@pytest.mark.parametrize("age_s", [WEEK_S, WEEK_S + 1, WEEK_S - EDGE_S + 1])
def test_rebased_rows_at_the_edge_of_a_week_are_left_out_and_counted(age_s: float) -> None:
    moving = retimer()
    assert times(moving, [row(1, 160.0 - age_s), row(2, 160.0)]) == [NOW_S]
    assert moving.too_old == 1


def test_a_row_that_ages_while_sending_is_left_out() -> None:
    moving = retimer()
    clock = moving.clock
    assert isinstance(clock, FakeClock)
    rows = moving.rows([row(1, 160.0 - WEEK_S + EDGE_S), row(2, 161.0 - WEEK_S + EDGE_S)])
    assert next(rows).number == 1
    clock.advance(2)
    assert list(rows) == []
    assert moving.too_old == 1


def test_times_out_of_bounds_of_a_file_that_is_not_moved_are_faults() -> None:
    still = retimer(rebase=False, anchor_s=160.0)
    rows = [row(1, NOW_S - WEEK_S - 1), row(2, NOW_S), row(3, NOW_S + 601)]
    assert times(still, rows) == ["too_old", NOW_S, "future"]
    assert still.too_old == 0


def test_what_is_bad_stays_bad() -> None:
    bad = Row(1, 7, MetricFault(["value"], "not a number"))
    assert list(retimer().rows([bad])) == [bad]


def sendable(number: int, at_s: float) -> Sendable:
    return Sendable(number, number, Metric("", "s", "m", 1.0, {}, at_s))


@given(
    st.lists(st.tuples(st.integers(1, 5), st.floats(0, 1e6)), max_size=60),
    st.integers(1, 10),
    st.floats(1, 1e4),
)
def test_batches_keep_every_row_in_order(
    steps: list[tuple[int, float]], size: int, span_s: float
) -> None:
    number, rows = 0, []
    for step, at_s in sorted(steps, key=lambda pair: pair[1]):
        number += step
        rows.append(sendable(number, at_s))
    got = list(batches(rows, size, span_s))
    assert [each for batch in got for each in batch] == rows
    assert all(batch[-1].number - batch[0].number < size for batch in got)
    last_and_first = [(b[0].metric.timestamp_s, b[-1].metric.timestamp_s) for b in got]
    assert all(last_s - first_s < span_s for first_s, last_s in last_and_first)


@given(st.integers(1, 400))
def test_resuming_at_a_batch_gives_the_same_batches(count: int) -> None:
    rows = [sendable(number, float(number)) for number in range(1, count, 3)]
    whole = list(batches(rows, 10, 7.0))
    for at, batch in enumerate(whole[:-1]):
        done = batch[-1].number
        assert list(batches([r for r in rows if r.number > done], 10, 7.0)) == whole[at + 1 :]


class Broken(Exception):
    pass


async def deliver(
    rows: list[Row], outcome: Outcome, *, broken_at: int | None = None
) -> list[list[int]]:
    delivered: list[list[int]] = []

    async def take(batch: list[Sendable]) -> list[tuple[Sendable, MetricFault]]:
        if len(delivered) == broken_at:
            raise Broken
        delivered.append([each.number for each in batch])
        return [(each, MetricFault([], "no", "refused")) for each in batch if each.number == 5]

    await deliver_all(rows, take, FakeClock(), None, outcome, lambda _: None)
    return delivered


async def test_everything_is_delivered_and_counted() -> None:
    outcome = Outcome()
    rows = [row(number, float(number)) for number in range(1, 2501)]
    rows[9] = Row(10, 11, MetricFault(["value"], "no"))
    delivered = await deliver(rows, outcome)
    assert [len(batch) for batch in delivered] == [999, 1000, 500]
    assert (outcome.sent, outcome.done) == (2498, 2500)
    assert outcome.refused.counts == {"invalid": 1, "refused": 1}
    assert outcome.refused.named == ["line 11: value: no", "line 5: no"]


async def test_what_was_acknowledged_before_a_break_is_known() -> None:
    outcome = Outcome()
    with pytest.raises(Broken):
        await deliver([row(n, float(n)) for n in range(1, 2501)], outcome, broken_at=1)
    assert (outcome.sent, outcome.done) == (999, 1000)


def test_keys_tell_files_options_places_and_contents_apart() -> None:
    first = Origin("digest", ("a", 1.0))
    others = [Origin("other", ("a", 1.0)), Origin("digest", ("b", 1.0))]
    keys = {origin.batch_key(1, b"x") for origin in [first, *others]}
    keys |= {first.batch_key(2, b"x"), first.batch_key(1, b"y")}
    assert len(keys) == 5
    assert first.batch_key(1, b"x") == Origin("digest", ("a", 1.0)).batch_key(1, b"x")
    assert len({o.metric_id(n) for o in [first, *others] for n in (1, 2)}) == 6


class Recorder(AsyncClient):
    """Takes bodies instead of sending them and refuses the first metric of each."""

    def __init__(self) -> None:
        super().__init__("", token="t")
        self.bodies: list[bytes] = []

    async def send_partial(self, body: bytes, key: str) -> list[tuple[int, str]]:
        self.bodies.append(body)
        return [(0, "no")]


async def test_rows_with_the_longest_tags_go_in_bodies_that_the_server_takes() -> None:
    tags = {f"{number:0256}": "\u00fc" * 256 for number in range(16)}
    rows = [
        Sendable(number, number, Metric("", "s", "m", 1.0, tags, 1.0)) for number in range(1000)
    ]
    client = Recorder()
    rejected = await over_http(client, Origin("digest", ()))(rows)
    assert max(map(len, client.bodies)) <= 8 * 1024 * 1024
    assert sum(len(orjson.loads(body)) for body in client.bodies) == 1000
    assert [row.number for row, _ in rejected] == [0, 500]
