"""The rules of KMS as functions and tables of their arguments: no rows, no clock, no chance."""
