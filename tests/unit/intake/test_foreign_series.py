"""What is remembered of other senders' series: within its bound, and the busy ones stay."""

from __future__ import annotations

from liveops.intake.cumulative_histograms import Differences, LastHistograms
from liveops.intake.foreign_items import HELD_BYTES, PER_RECORD, RECORD_BYTES, ForeignItems
from liveops.intake.foreign_series import Naming, Remembered, Written
from liveops.intake.histograms import Exponential

SERIES = Written("s", b'{"metric_type":"m","value":', "gauge")
HISTOGRAM = Written("s", b'{"metric_type":"h","kind":"histogram","histogram":', "histogram")


def items(may_write: bool = True) -> ForeignItems:
    return ForeignItems(lambda _: may_write, 1000.0, 100.0, 1000.0)


def test_what_is_asked_for_stays_and_the_others_go() -> None:
    known: Remembered[int, int] = Remembered(max_bytes=1000)
    for number in range(10_000):
        known.put(number, -number, 10)
        assert known.get(0) == 0
    kept = [number for number in range(10_000) if known.get(number) is not None]
    assert 9_999 in kept
    assert len(kept) <= 100


def test_an_answer_larger_than_all_is_no_trouble() -> None:
    known: Remembered[str, int] = Remembered(max_bytes=10)
    for name in "abc":
        known.put(name, 1, 1000)
    assert known.get("c") == 1
    assert known.get("a") is None


def test_records_are_of_bounded_count_and_size() -> None:
    taken = items()
    for number in range(PER_RECORD + 1):
        taken.value(SERIES, float(number), 1_000_000)
    long = SERIES._replace(head=b" " * (RECORD_BYTES // 2 - 100) + SERIES.head)
    for _ in range(3):
        taken.value(long, 1.0, 1_000_000)
    sizes = [len(value) for _, value in [*taken.full(), *taken.rest()]]
    assert taken.taken == PER_RECORD + 4
    assert len(sizes) == 3
    assert max(sizes) < RECORD_BYTES + 100
    assert list(taken.rest()) == []


def test_what_waits_for_more_of_its_service_is_bounded() -> None:
    taken, most, records = items(), 0, 0
    for number in range(2000):
        series = Written(f"s{number}", b" " * 50_000 + SERIES.head, "gauge")
        taken.value(series, 1.0, 1_000_000)
        records += len(taken.full())
        most = max(most, number + 1 - records)
    assert most * 50_000 <= HELD_BYTES
    assert records + len(list(taken.rest())) == 2000


def test_times_at_the_bounds_are_taken_and_beyond_them_not() -> None:
    taken = items()
    for at_s in (899.999, 900.0, 1600.0, 1600.001):
        taken.value(SERIES, 1.0, round(at_s * 1000))
    assert (taken.taken, taken.refused) == (2, {"too_old": 1, "future": 1})


def test_a_kind_is_told_by_the_name_unless_it_is_set() -> None:
    naming = Naming(counters=("old_*",), gauges=("*_total_bytes_total",))
    names = (
        "a_total",
        "a_sum",
        "a_count",
        "a_bucket",
        "a",
        "totals",
        "old_x",
        "x_total_bytes_total",
    )
    kinds = [naming.kind_of(name) for name in names]
    assert kinds == ["counter"] * 4 + ["gauge"] * 2 + ["counter", "gauge"]


def histogram(count: int, threshold: float = 0.0) -> Exponential:
    return Exponential(count, float(count), 0, 0, threshold, {1: count})


def added(*steps: tuple[Exponential, int, int]) -> list[int]:
    """The items that each body of one histogram (with time and start) gives."""
    last, found = LastHistograms(100_000), []
    for one, time, start in steps:
        taken, differences = items(), Differences(last)
        differences.add(HISTOGRAM, one, time, start, taken)
        differences.keep()
        found.append(taken.taken)
    return found


def test_a_first_histogram_adds_nothing_unless_it_began_of_late() -> None:
    assert added((histogram(3), 1_000_000, 0)) == [0]
    assert added((histogram(3), 1_000_000, 990_000)) == [1]
    assert added((histogram(3), 1_000_000, 100_000)) == [0]


def test_another_zero_threshold_is_a_new_beginning() -> None:
    steps = [(histogram(3), 1_000_000, 0), (histogram(5, 0.5), 1_001_000, 0),
             (histogram(6, 0.5), 1_002_000, 0)]  # fmt: skip
    assert added(*steps) == [0, 0, 1]


def test_a_late_histogram_is_refused_and_a_repeated_one_is_not() -> None:
    last = LastHistograms(100_000)
    for time, refused in ((1_001_000, {}), (1_001_000, {}), (1_000_000, {"out_of_order": 1})):
        taken, differences = items(), Differences(last)
        differences.add(HISTOGRAM, histogram(3), time, 0, taken)
        differences.keep()
        assert taken.refused == refused
