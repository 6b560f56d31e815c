"""What Secrets Manager means: pure functions of their arguments, without store, clock or chance."""
