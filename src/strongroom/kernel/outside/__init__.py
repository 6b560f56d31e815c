"""Calls to the world outside: bounded in size and time, to checked addresses only, never inside a transaction."""
