"""What was tried to break the package, and what became of it."""
