"""Choosing receivers for the events of incidents, and delivering to them."""
