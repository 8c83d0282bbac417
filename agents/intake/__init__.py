"""From records of `metrics.raw` to rows."""
