"""What IAM decides from its arguments alone. One file an idea; no store, no clock, no chance."""
