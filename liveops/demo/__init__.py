"""A synthetic shop with faults on purpose; nothing outside this package imports it."""
