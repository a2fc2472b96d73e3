"""What would go wrong tonight, found out now."""
