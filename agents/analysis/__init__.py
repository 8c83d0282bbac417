"""Incidents → analyses: the analysis worker."""
