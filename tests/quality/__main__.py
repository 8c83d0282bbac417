"""Prints the table: `python -m tests.quality`; what takes long can be left out."""

from __future__ import annotations

import argparse
import time

import numpy as np

from liveops.detection import ensemble
from liveops.detection.bank import empty_bank
from liveops.detection.ensemble import ONE_ALARM_IN_DAYS
from tests.quality import faults, healthy, labelled, nezha, nezha_live, servers, shop, storm
from tests.quality.series import surprises


def _labelled() -> None:
    missing = labelled.missing()
    if missing:
        print(f"left out, labelled series: not there: {missing}")
        return
    nab, cloud = labelled.Nab(), labelled.Cloud()
    found = surprises([*nab.lines, *cloud.lines])
    print(f"\nNAB{'':31}standard  low FP      F1 false/d  found")
    print("\n".join(nab.rows(found)))
    print(f"\ncloud monitoring{'':30}      F1  recall false/d  found")
    print("\n".join(cloud.rows(found)))
    print(
        f"\nat other levels{'':19}NAB: standard  low FP      F1 false/d; cloud: F1, recall, false/d"
    )
    for share in (0.5, 2.0):
        found = surprises([*nab.lines, *cloud.lines], share * ONE_ALARM_IN_DAYS)
        print(f"one alarm in {share * ONE_ALARM_IN_DAYS:.0f} days")
        print(next(nab.rows(found)))
        print(next(cloud.rows(found)))


def _servers() -> None:
    missing = servers.missing()
    if missing:
        print(f"left out, servers of many metrics: not there: {missing}")
        return
    for name in servers.SETS:
        print(f"\n{name.upper():32}    F1  false/day  named  found")
        for row in servers.rows(name):
            print(row, flush=True)


def _shop() -> None:
    """The demo with its faults for half an hour, and a day of it without any."""
    print("\nthe demo's shop: second, fault, service; told after, as")
    for seed in (1, 2, 3):
        print("\n".join(shop.report(seed)), flush=True)
    print("\n".join(shop.quiet_day(4)), flush=True)


def _speed(detector: ensemble.Detector, series: int = 500, windows: int = 60) -> float:
    """Windows judged a second by series whose memory of shapes is full."""
    random = np.random.default_rng(1)
    bank = empty_bank(series, 60.0)
    rows = np.arange(series)
    past = bank.shapes.values
    past[:] = 100 + random.standard_normal(past.shape)
    bank.shapes.used[:] = past.shape[1] - windows
    for part in (bank.sudden.past, bank.lasting.past, *bank.shapes.past):
        part.count[:] = 1000
    values = 100 + random.standard_normal((windows, series))
    begun = time.perf_counter()
    for window, value in enumerate(values):
        at = np.full(series, healthy.START_S + 60.0 * window)
        ensemble.judge(bank, rows, at, value, detector)
    return series * windows / (time.perf_counter() - begun)


def main() -> None:
    """All figures, the slow ones last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=30, help="of healthy series")
    parser.add_argument("--seeds", type=int, default=2)
    parts = (
        "labelled",
        "healthy",
        "steps",
        "speed",
        "servers",
        "shop",
        "storm",
        "faults",
        "nezha",
        "nezha-live",
    )
    parser.add_argument("--only", choices=parts)
    options = parser.parse_args()
    if options.only in (None, "speed"):
        for name in ("ensemble", "lasting"):
            detector: ensemble.Detector = "ensemble" if name == "ensemble" else "lasting"
            print(f"{name:10} {_speed(detector):10.0f} windows judged a second")
    if options.only in (None, "steps"):
        print("\n".join(healthy.steps()))
    if options.only in (None, "labelled"):
        _labelled()
    if options.only in (None, "shop"):
        _shop()
    if options.only in (None, "faults"):
        for row in faults.rows():
            print(row, flush=True)
    if options.only in (None, "nezha"):
        print("\n".join(nezha.rows()), flush=True)
    if options.only in (None, "nezha-live"):
        print("\n".join(nezha_live.rows()), flush=True)
    if options.only in (None, "storm"):
        print("\n".join(storm.rows()), flush=True)
    if options.only in (None, "servers"):
        _servers()
    if options.only in (None, "healthy"):
        print(f"\nhealthy series{'':12} window   alarms a series-month")
        for row in healthy.rows(options.days, options.seeds):
            print(row, flush=True)


if __name__ == "__main__":
    main()
