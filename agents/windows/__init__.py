"""`metrics.raw` → windows: the metrics worker."""
