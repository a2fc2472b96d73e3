"""Durable memory; the only package that knows SQL."""
