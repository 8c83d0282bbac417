"""Fits forecasts in a process of its own; the detectors only read the result."""
