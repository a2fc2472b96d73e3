"""Be a runner: for a plan, for one job, in the background, lent, or while waiting."""
