"""A plan's nights on this machine: when they are due, who looks, what was missed."""
