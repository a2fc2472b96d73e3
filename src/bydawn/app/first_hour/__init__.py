"""A first plan, and a night to look at."""
