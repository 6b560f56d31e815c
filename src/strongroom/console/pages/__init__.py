"""The pages: plain functions from a visit to a reply, and the table that says which address is which."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from strongroom.console.pages import (
    audit,
    dashboard,
    explaining,
    functions,
    identities,
    keys,
    people,
    secret,
    secrets,
    storing,
    switching,
)
from strongroom.console.visit import Reply, Visit

Table = Sequence[tuple[str, str, Callable[[Visit], Reply]]]

OPEN_PAGES: Table = people.OPEN
"""What is there before anybody signed in."""

_ROOMS = (
    people.SIGNED_IN,
    switching.PAGES,
    explaining.PAGES,
    dashboard.PAGES,
    secrets.PAGES,
    storing.PAGES,
    secret.PAGES,
    keys.PAGES,
    functions.PAGES,
    identities.PAGES,
    audit.PAGES,
)
PAGES: Table = [page for room in _ROOMS for page in room]
"""What needs a session. A change (POST) needs the session's form token too."""
