"""What stays: sealed, copied out, aged out."""
