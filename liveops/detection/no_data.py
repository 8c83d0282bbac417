"""Silence of a service, judged on its own clock W = E + (T − A).

E and A are event and broker time of its newest record, T the time reached. A service
counts as live only when it reported in real time for a while: neither the end of a
replay nor a lone record is a silence.
"""

from __future__ import annotations

from collections.abc import Iterable

from liveops.detection.state import Presence, Verdict
from schema.metrics import Aggregate

LEAST_SILENCE_S = 60.0
USUAL_INTERVALS = 5.0
#: Signs of life, and time they span, before silence means something.
_LEARNING_GAPS = 10
_LEARNING_S = 300.0
#: Real time: the event is at most this far behind the broker's clock.
_LIVE_LAG_S = 180.0
_FORGET = 0.95


def observe(presence: Presence, windows: list[Aggregate], event_s: float) -> None:
    """Take in a record of the service; `event_s` is the event time it reached."""
    broker_s = max(window.broker_time_s for window in windows)
    presence.event_s = max(presence.event_s, event_s)
    if broker_s <= presence.broker_s:
        return
    if presence.broker_s == 0.0:
        presence.first_s = event_s
    else:
        _learn_interval(presence, broker_s - presence.broker_s)
    presence.broker_s = broker_s


def _learn_interval(presence: Presence, gap_s: float) -> None:
    """Usual interval: a fading maximum, so that bursts do not shrink it; no outages."""
    if presence.gaps >= _LEARNING_GAPS and gap_s > silence_limit_s(presence):
        return
    presence.interval_s = max(gap_s, _FORGET * presence.interval_s)
    presence.gaps += 1


def is_live(presence: Presence) -> bool:
    """Whether the service reported in real time at last sight."""
    return presence.broker_s - presence.event_s <= _LIVE_LAG_S


def reached_s(presences: Iterable[Presence], now_s: float | None) -> float | None:
    """Event time that a partition's services have been judged up to; None when nothing tells.

    That of the service furthest on, of those in real time: each one's clock runs on with the
    broker's, to `now_s` when everything was read, else to the newest record of all. A
    replay that is a day behind holds nobody up.
    """
    known = [presence for presence in presences if presence.broker_s]
    newest_s = (
        max((presence.broker_s for presence in known), default=0.0) if now_s is None else now_s
    )
    clocks = [p.event_s + newest_s - p.broker_s for p in known if is_live(p)]
    return max(clocks, default=newest_s) or None


def silence_limit_s(presence: Presence) -> float:
    """Seconds without a record that are still usual."""
    return max(LEAST_SILENCE_S, USUAL_INTERVALS * presence.interval_s)


def judge(presence: Presence, now_s: float, since_s: float = 0.0) -> Verdict | None:
    """Verdict on the silence until `now_s` (T, broker time); None while learning.

    Silence is counted from `since_s` on, when we began to listen.
    """
    known_s = presence.event_s - presence.first_s
    if presence.gaps < _LEARNING_GAPS or known_s < _LEARNING_S or not is_live(presence):
        return None
    silent_s, limit_s = now_s - max(presence.broker_s, since_s), silence_limit_s(presence)
    return Verdict(
        breach=silent_s > limit_s,
        healthy=silent_s <= limit_s,
        value=silent_s,
        expected=presence.interval_s,
        lower=None,
        upper=limit_s,
        score=max(0.0, silent_s / limit_s),
        reason=(
            f"no data for {silent_s:.0f} s; usually there is some every {presence.interval_s:.1f} s"
        ),
    )
