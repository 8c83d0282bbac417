"""Which series and services are known, and which may be forgotten. Pure."""
