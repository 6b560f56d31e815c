"""The room's tables and every statement that touches them; nobody else's code does.

``tables`` what is stored, ``secrets`` and ``versions`` point reads and writes, ``listing`` pages.
"""

from strongroom.services.secretsmanager.store import listing, secrets, tables, versions
from strongroom.services.secretsmanager.store.tables import Secret, Summary, Version

__all__ = ["Secret", "Summary", "Version", "listing", "secrets", "tables", "versions"]
