"""What is asked of a plan before anything of it starts."""
