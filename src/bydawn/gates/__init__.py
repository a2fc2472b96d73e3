"""Effects on the world, one file per kind of target."""
