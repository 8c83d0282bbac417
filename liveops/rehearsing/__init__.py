"""Rules over stored history: in a process of its own, beside the worker that is asked."""
