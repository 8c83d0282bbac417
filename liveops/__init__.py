"""LiveOps AI: the core, its adapters, its workers and its command line."""

__version__ = "0.1.0"
