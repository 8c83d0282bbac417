"""Pydantic models of the HTTP edge, by topic."""
