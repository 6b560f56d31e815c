"""The one table catalogue. A room declares its tables here-from, in its own ``store.py``, named ``<room>_<noun>``.

Columns are ``Integer``/``BigInteger`` (also for moments, in milliseconds, and for yes/no as 0/1), ``Text`` or
``LargeBinary``, so that a row needs no conversion on either engine and a hot statement can go straight to the driver.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, MetaData, Table, Text

METADATA = MetaData()

generation = Table(
    "kernel_generation",
    METADATA,
    Column("account", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)
setting = Table(
    "kernel_setting",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
