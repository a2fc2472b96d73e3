"""The loop: drain, decide, record, act."""
