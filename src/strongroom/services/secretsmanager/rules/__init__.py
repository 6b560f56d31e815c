"""What Secrets Manager means: pure functions of their arguments, no store, no clock, no chance of their own."""
