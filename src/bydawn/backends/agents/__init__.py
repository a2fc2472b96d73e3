"""Command-line agents: what each is started with, and what its words mean."""
