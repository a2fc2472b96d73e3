"""From a file to a valid batch: read, expand, check."""
