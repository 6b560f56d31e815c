"""Rows of functions: statements, and nothing else."""
