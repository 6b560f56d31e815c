"""What functions mean: pure rules of their arguments."""
