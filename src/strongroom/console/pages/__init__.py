"""The pages: plain functions from a visit to a reply, and the table that says which address is which."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from strongroom.console.pages import explaining, people, secret, secrets, storing
from strongroom.console.visit import Reply, Visit

Table = Sequence[tuple[str, str, Callable[[Visit], Reply]]]

OPEN_PAGES: Table = people.OPEN
"""What is there before anybody signed in."""

PAGES: Table = (*people.SIGNED_IN, *explaining.PAGES, *secrets.PAGES, *storing.PAGES, *secret.PAGES)
"""What needs a session. A change (POST) needs the session's form token too."""
