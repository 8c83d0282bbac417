// What of a window a detection judged, and against which limit.

const FIELDS = /^(mean|min|max|sum|count|rate|stddev|p50|p95|p99|increase|rate_per_s)\b/;

/** The figure of the window that was judged: the reason begins with it; else the mean. */
export function judgedField(detection) {
  return FIELDS.exec(detection.reason)?.[1] ?? "mean";
}

/** The fixed limit that was broken; null for other detectors than thresholds. */
export function limitOf(detection) {
  return detection.detector === "threshold" ? detection.upper ?? detection.lower : null;
}
