"""`metrics.raw` and closed windows → PostgreSQL: the archive worker."""
