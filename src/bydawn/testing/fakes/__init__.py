"""Loopback servers that speak the wire formats of real agent services."""
