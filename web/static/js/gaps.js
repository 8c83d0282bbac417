// Where a series has nothing: holes in lines instead of lines over holes. Points are
// [epoch seconds, value] in order of time.

/** A distance of so many usual ones is a gap. */
const TIMES_USUAL = 4;
const LEAST_S = 5;

/** The longest distance of raw values that is no gap; Infinity while too few tell. */
export function usualLimitS(points) {
  const distances = points.slice(1).map(([time], index) => time - points[index][0]).filter((one) => one > 0).sort((a, b) => a - b);
  if (distances.length < 3) return Infinity;
  return Math.max(LEAST_S, TIMES_USUAL * distances[Math.floor(0.9 * (distances.length - 1))]);
}

/** The stretches [from, to] between neighbours further apart than `limitS`. */
export function gaps(points, limitS) {
  return points.slice(1).map(([time], index) => [points[index][0], time]).filter(([from, to]) => to - from > limitS);
}

/**
 * Series as columns over all their times, for uPlot: undefined where a series has no point
 * of its own, null where it has a gap. `limits`: the longest distance of each.
 */
export function aligned(series, limits) {
  const holed = series.map((points, index) => {
    const holes = gaps(points, limits[index]).map(([from, to]) => [(from + to) / 2, null]);
    return new Map([...points, ...holes]);
  });
  const times = [...new Set(holed.flatMap((values) => [...values.keys()]))].sort((a, b) => a - b);
  return { times, columns: holed.map((values) => times.map((time) => values.get(time))) };
}

/** Places of values that have no neighbour to draw a line to. */
export function lone(values) {
  const known = [];
  values.forEach((value, index) => value !== undefined && known.push(index));
  return known.filter((index, place) => values[index] !== null
    && (values[known[place - 1]] ?? null) === null && (values[known[place + 1]] ?? null) === null);
}
