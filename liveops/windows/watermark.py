"""Event-time progress of one service, decided by the log alone."""

from __future__ import annotations


def watermark(
    event_max_s: float, event_append_s: float, partition_s: float, lateness_s: float
) -> float:
    """W = min(T, E + (T − A)) − lateness, in epoch seconds.

    E is the service's greatest event time, A the broker time of that record, T the
    greatest broker time read in the partition. A silent service's clock runs on from
    its own last record; a clock ahead of the broker's closes nothing early.
    """
    return min(partition_s, event_max_s + (partition_s - event_append_s)) - lateness_s
