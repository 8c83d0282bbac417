"""The picture of `liveops backtest --plot`: values, bounds, score and alarms of each series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.util import find_spec
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liveops.errors import InvalidInput

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Series in one picture; of more only so many are drawn.
MOST_SERIES = 8
_WIDTH_IN, _HEIGHT_IN, _DPI = 9.0, 3.2, 80
#: Height of the score's strip as a share of that of the values.
_STRIP = 0.35


@dataclass(slots=True)
class Drawn:
    """What is drawn of one series, a number a row; bounds are nan while nothing is judged."""

    name: str
    time_s: list[float] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    score: list[float] = field(default_factory=list)
    alarms: list[int] = field(default_factory=list)

    def add(
        self,
        time_s: float,
        value: float,
        score: float = 0.0,
        alarm: bool = False,
        bounds: tuple[float, float] = (nan, nan),
    ) -> None:
        """The next row."""
        if alarm:
            self.alarms.append(len(self.value))
        self.time_s.append(time_s)
        self.value.append(value)
        self.lower.append(bounds[0])
        self.upper.append(bounds[1])
        self.score.append(score)


def require(path: Path) -> None:
    """Raises InvalidInput where matplotlib is not installed or the file cannot be a picture."""
    if find_spec("matplotlib") is None:
        raise InvalidInput("--plot needs matplotlib: pip install matplotlib")
    if path.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise InvalidInput(f"{path}: a picture ends in .png, .svg or .pdf")


def draw(series: Sequence[Drawn], path: Path) -> None:
    """Write the picture; raises InvalidInput where there is nothing to draw or no place."""
    # Optional, and slow to import.
    from matplotlib.figure import Figure

    some = [one for one in series if one.value][:MOST_SERIES]
    if not some:
        raise InvalidInput(f"{path}: no row to draw")
    figure = Figure(figsize=(_WIDTH_IN, _HEIGHT_IN * len(some)), dpi=_DPI, layout="constrained")
    strips: Any = figure.subplots(
        2 * len(some), 1, squeeze=False, height_ratios=[1.0, _STRIP] * len(some)
    )
    for place, one in enumerate(some):
        _values(strips[2 * place][0], one)
        _score(strips[2 * place + 1][0], strips[2 * place][0], one)
    try:
        figure.savefig(path)
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror or error}") from None


def _times(one: Drawn) -> list[datetime]:
    return [datetime.fromtimestamp(time_s, UTC) for time_s in one.time_s]


def _values(axes: Axes, one: Drawn) -> None:
    times: Any = _times(one)
    axes.fill_between(times, one.lower, one.upper, color="tab:blue", alpha=0.2, linewidth=0)
    axes.plot(times, one.value, color="black", linewidth=0.7)
    axes.plot(
        [times[row] for row in one.alarms],
        [one.value[row] for row in one.alarms],
        "o",
        color="tab:red",
        markersize=5,
    )
    # Bounds may lie far beyond the values; those are what is looked at.
    least, most = min(one.value), max(one.value)
    room = 0.1 * (most - least) or 1.0
    axes.set_ylim(least - room, most + room)
    axes.set_title(one.name, loc="left", fontsize=9)
    axes.tick_params(labelbottom=False, labelsize=8)


def _score(axes: Axes, above: Axes, one: Drawn) -> None:
    axes.sharex(above)
    times: Any = _times(one)
    axes.plot(times, one.score, color="tab:purple", linewidth=0.7)
    axes.axhline(0.5, color="grey", linewidth=0.6, linestyle="--")
    for row in one.alarms:
        axes.axvline(times[row], color="tab:red", linewidth=0.8, alpha=0.6)
    axes.set_ylim(0.0, 1.0)
    axes.set_ylabel("score", fontsize=8)
    axes.tick_params(labelsize=8)
