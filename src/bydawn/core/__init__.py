"""The pure core: no I/O, no clock, no randomness, no SQL. Time and chance are arguments."""
