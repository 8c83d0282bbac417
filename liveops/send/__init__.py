"""Metrics from files: reading any form of them (`formats.read_rows`), moving times, delivery."""
