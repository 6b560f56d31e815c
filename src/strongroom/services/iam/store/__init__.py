"""Rows of the ``iam`` room: the only code that touches its tables. One file a noun."""
