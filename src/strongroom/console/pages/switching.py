"""Switching to a role and back: another account, or other permissions, without signing in anew."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from strongroom.console.desk import TakenRole
from strongroom.console.visit import Refused, Reply, Visit
from strongroom.kernel.signedin import KeptSession

LONGEST = timedelta(hours=1)
"""How long a switch lasts, or to the end of the session. Our choice: what AssumeRole gives where nothing is asked."""
SHORTEST = timedelta(minutes=15)
"""Source: STS API reference, AssumeRole, DurationSeconds."""
_NAMES_AT_MOST = {"account": 63, "role": 512, "display": 64}
_NO_SUCH = "There is no such account here, or the name of the role cannot be one."
_ROLE = re.compile(r"/?((?:[\x21-\x7e]{1,256}/){0,8}[A-Za-z0-9_+=,.@-]{1,64})")


def form(visit: Visit) -> Reply:
    """The form; filled in by a link as AWS's console makes them."""
    told = {"account": "account", "role": "roleName", "display": "displayName"}
    given = {name: visit.asked(asked)[: _NAMES_AT_MOST[name]] for name, asked in told.items()}
    return _page(visit, given, over=bool(visit.asked("over")))


def _page(visit: Visit, given: dict[str, str], *, status: int = 200, **more: Any) -> Reply:
    told = {"refusal": None, "wrong": None, "over": False} | more
    return visit.page("switch_role.html", status=status, given=given, **told)


def switched(visit: Visit) -> Reply:
    """Assume the role as the user who signed in, and act as it from then on."""
    given = {name: visit.field(name)[:most] for name, most in _NAMES_AT_MOST.items()}
    account, role = visit.house.desk.account_named(given["account"]), _ROLE.fullmatch(given["role"])
    if not account or role is None:
        return _page(visit, given, status=400, wrong=_NO_SUCH)
    person = visit.who
    left = person.ends - visit.now
    own = KeptSession(person.kept.access_key_id, person.kept.token)
    asked = {
        "RoleArn": f"arn:aws:iam::{account}:role/{role[1]}",
        "RoleSessionName": person.user.name.ljust(2, "-"),
        "DurationSeconds": int(max(SHORTEST, min(LONGEST, left)).total_seconds()),
    }
    try:
        answer = visit.house.door.ask(own, visit.source, "sts", "AssumeRole", asked, region=visit.region)
    except Refused as refusal:
        return _page(visit, given, status=refusal.status, refusal=refusal)
    credentials = answer["Credentials"]
    visit.house.desk.switch(
        person,
        TakenRole(account, role[1], given["display"]),
        credentials["AccessKeyId"],
        credentials["SessionToken"],
        visit.source,
        visit.house.region,
    )
    return visit.go("/console")


def switched_back(visit: Visit) -> Reply:
    """Be the user again."""
    visit.house.desk.switch_back(visit.who, visit.source, visit.house.region)
    return visit.go("/console")


PAGES = (
    ("GET", "/console/switch-role", form),
    ("POST", "/console/switch-role", switched),
    ("POST", "/console/switch-back", switched_back),
)
