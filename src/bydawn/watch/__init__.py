"""Read-only views of what happened: snapshots, feeds, reports and their wording."""
