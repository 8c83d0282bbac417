"""Every Prometheus metric of LiveOps, declared once, with prose, in a module for each concern.

Each module has a registry of its own; `workers.py` says which of them a worker shows.
Names, units and children follow `promtool check metrics`.
"""
