"""All services of an incident side by side: what each shows, by kind, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liveops.rca.deviation import ONSET_STRENGTH, Deviation
from liveops.rca.kinds import Kind
from liveops.rca.series import Floats, Ints

#: Kinds that stay with the service that uses the resource.
LOCAL: tuple[Kind, ...] = ("cpu", "memory", "io", "saturation", "other")
#: Kinds of which a caller shows what its callees do.
PASSED_UP: tuple[Kind, ...] = ("latency", "errors")
#: A metric moved by so many sigmas is a sign of its own, when others are missing.
_ILL = 5.0
#: The spread of some hundred values tells no further distances apart.
_SURE = 50.0
#: What the past has seen more often than this is no departure from it.
_RARE_SHARE = 0.02
#: In a short past up to three stray values as far out are let pass (their share, with the
#: value itself), but not of a dozen.
_STRAY_VALUES = 4.5
_STRAY_SHARE = 0.08
#: A service of which so much went silent is gone.
_MOST = 0.5
Bools = NDArray[np.bool_]


def weight(strength: Floats) -> Floats:
    """What a distance in sigmas is worth as evidence: 0.35 at 1, 1.15 at 3, 2.3 at 10.

    Metrics have heavy tails. For noise of the heaviest kind (Cauchy) this is half the
    logarithm of how much likelier the usual value was than the one seen.
    """
    found: Floats = np.log1p(np.minimum(strength, _SURE) ** 2) / 2
    return found


@dataclass(frozen=True)
class View:
    """Row i is service `services[i]`; `callers[j]` calls `callees[j]`.

    `strength[kind]` is the greatest distance of a metric of the kind in the bad
    direction, `lead` the deviation that has it. `excess[kind]` is how much more there is
    than usual in units that add up: seconds of waiting or failures per unit of time;
    `rate` are the requests. `load_ratio` is the load beside the usual one, `load_up` and
    `load_down` its distance in sigmas. `stopped` is the share of metrics that went silent.
    """

    services: tuple[str, ...]
    callers: Ints
    callees: Ints
    strength: dict[Kind, Floats]
    lead: dict[tuple[int, Kind], Deviation]
    chosen: dict[Kind, dict[int, Deviation]]
    excess: dict[Kind, Floats]
    rate: Floats
    load_ratio: Floats
    load_up: Floats
    load_down: Floats
    stopped: Floats
    symptom_metric: str | None = None

    @property
    def size(self) -> int:
        """Number of services."""
        return len(self.services)

    @property
    def silent(self) -> Bools:
        """Which services stopped for the greater part."""
        return self.stopped >= _MOST

    def measured(self, kind: Kind) -> Bools:
        """Which services have a metric of the kind."""
        has = np.zeros(self.size, dtype=np.bool_)
        has[list(self.chosen.get(kind, {}))] = True
        return has

    def departed(self) -> Bools:
        """Which services have a metric that left its past beyond what it did before."""
        found = self.silent.copy()
        for (row, kind), item in self.lead.items():
            asked, far = item, self.strength[kind][row]
            same = self.chosen.get(kind, {}).get(row)
            if same is not None and same.metric_type == self.symptom_metric:
                # Like with like: of five percentiles one is often out by chance.
                asked, far = same, same.strength if same.worse else 0.0
            few = min(_STRAY_VALUES / (asked.history + 1), _STRAY_SHARE)
            # Further out than ever is rare, however short the past.
            ever = 1.0 / (asked.history + 1)
            rare = asked.rarity <= max(_RARE_SHARE, few, ever)
            found[row] |= rare and far >= ONSET_STRENGTH
        return found

    def ill(self) -> Bools:
        """Which services show something of their own beyond doubt."""
        found = self.silent.copy()
        for kind, values in self.strength.items():
            if kind != "load":
                found |= values >= _ILL
        return found

    def from_callers(self, values: Floats) -> Floats:
        """Sum over each service's callers."""
        found = np.zeros(self.size)
        np.add.at(found, self.callees, values[self.callers])
        return found

    def most_of_callers(self, values: Floats) -> Floats:
        """Greatest value among each service's callers, at least 0."""
        found = np.zeros(self.size)
        np.maximum.at(found, self.callees, values[self.callers])
        return found

    def from_callees(self, values: Floats) -> Floats:
        """Sum over each service's callees."""
        found = np.zeros(self.size)
        np.add.at(found, self.callers, values[self.callees])
        return found
