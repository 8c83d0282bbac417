"""When data is missing, by the rhythm in which it used to come. Pure.

Silence is judged on the broker's clock: the time reached minus that of the newest record.
Only what reported in real time is missed: neither the end of a replay nor a lone record is
a silence.
"""

from __future__ import annotations

from collections.abc import Iterable

from liveops.detection.state import Rhythm, Verdict

#: Silence that always means something: by default, and by the window of a rule.
LEAST_SILENCE_S = 60.0
USUAL_INTERVALS = 5.0
#: Signs of life before silence means something.
LEARNING_SAMPLES = 10
#: Event time they span, for the rules that exist from the start.
LEARNING_S = 300.0
#: Real time: the event is at most this far behind the broker's clock.
_LIVE_LAG_S = 180.0
_FORGET = 0.95
#: The longest interval of late counts half after this (seconds).
_LONGEST_HALVES_S = 86_400.0
#: Metric types that rest now and then are missed after so many of their longest rests.
_LONGEST_RESTS = 1.5


def observe(rhythm: Rhythm, broker_s: float, event_s: float) -> None:
    """Take in a sign of life: broker time, and the event time it reached."""
    rhythm.event_s = max(rhythm.event_s, event_s)
    if broker_s <= rhythm.broker_s:
        return
    if rhythm.broker_s == 0.0:
        rhythm.first_s = event_s
    else:
        _learn_interval(rhythm, broker_s - rhythm.broker_s)
    rhythm.broker_s = broker_s


def _learn_interval(rhythm: Rhythm, gap_s: float) -> None:
    """Usual interval: a fading maximum, so that bursts do not shrink it.

    An outage counts for no more than was usual: a slower rhythm is learned in a few rounds.
    """
    rhythm.longest_s = max(gap_s, rhythm.longest_s * 0.5 ** (gap_s / _LONGEST_HALVES_S))
    if rhythm.gaps >= LEARNING_SAMPLES:
        gap_s = min(gap_s, silence_limit_s(rhythm))
    rhythm.interval_s = max(gap_s, _FORGET * rhythm.interval_s)
    rhythm.gaps += 1


def is_live(rhythm: Rhythm) -> bool:
    """Whether it reported in real time at last sight."""
    return rhythm.broker_s - rhythm.event_s <= _LIVE_LAG_S


def reached_s(rhythms: Iterable[Rhythm], now_s: float | None) -> float | None:
    """Event time that a partition's services have been judged up to; None when nothing tells.

    That of the service furthest on, of those in real time: each one's clock runs on with the
    broker's, to `now_s` when everything was read, else to the newest record of all. A
    replay that is a day behind holds nobody up.
    """
    known = [rhythm for rhythm in rhythms if rhythm.broker_s]
    newest_s = max((rhythm.broker_s for rhythm in known), default=0.0) if now_s is None else now_s
    clocks = [p.event_s + newest_s - p.broker_s for p in known if is_live(p)]
    return max(clocks, default=newest_s) or None


def live_count(rhythms: Iterable[Rhythm]) -> int:
    """How many were in their rhythm when the last of them was heard.

    One that had been silent for long by then is no part of what fell silent together.
    """
    known = [rhythm for rhythm in rhythms if is_known(rhythm, LEARNING_S)]
    newest_s = max((rhythm.broker_s for rhythm in known), default=0.0)
    return sum(rhythm.broker_s >= newest_s - silence_limit_s(rhythm) for rhythm in known)


def silent_s(rhythms: Iterable[Rhythm], now_s: float) -> float:
    """Seconds since any that reports in real time was heard."""
    heard_s = [rhythm.broker_s for rhythm in rhythms if is_live(rhythm)]
    return max(0.0, now_s - max(heard_s, default=now_s))


def silence_limit_s(rhythm: Rhythm, least_s: float = LEAST_SILENCE_S) -> float:
    """Seconds without a record that are still usual."""
    return max(least_s, USUAL_INTERVALS * rhythm.interval_s)


def rest_limit_s(rhythm: Rhythm, least_s: float = LEAST_SILENCE_S) -> float:
    """The same for what rests now and then, as a job does that runs once an hour."""
    return max(silence_limit_s(rhythm, least_s), _LONGEST_RESTS * rhythm.longest_s)


def is_known(rhythm: Rhythm, span_s: float = 0.0) -> bool:
    """Whether its rhythm is known: enough signs of life, in real time, spanning `span_s`."""
    enough = rhythm.gaps >= LEARNING_SAMPLES - 1
    return enough and rhythm.event_s - rhythm.first_s >= span_s and is_live(rhythm)


def verdict(rhythm: Rhythm, now_s: float, since_s: float, limit_s: float) -> Verdict:
    """Verdict on the silence until `now_s` (broker time), counted from `since_s` on.

    `since_s` is when we began to listen.
    """
    silent_s = now_s - max(rhythm.broker_s, since_s)
    return Verdict(
        breach=silent_s > limit_s,
        healthy=silent_s <= limit_s,
        value=silent_s,
        expected=rhythm.interval_s,
        lower=None,
        upper=limit_s,
        score=max(0.0, silent_s / limit_s),
        reason=(
            f"no data for {silent_s:.0f} s; usually there is some every {rhythm.interval_s:.1f} s"
        ),
    )
