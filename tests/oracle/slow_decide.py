"""The decision a second time: slow, obvious, from the policies' plain JSON; shares no code with the first.

Written from the facts about IAM alone (language, evaluation in one account, across accounts, keys, roles).
Where the first implementation compiles, this one reads the same JSON again for every question.
Of the first it has one type of value alone.
"""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from strongroom.kernel.authz.model import Spellings

Spelled = list[tuple[str, bool]]
"""Text with wildcards: each character, and whether it is a wildcard."""
JSON = dict[str, Any]

YES, NO, UNCLEAR = "yes", "no", "unclear"
ESCAPES = ("*}", "?}", "$}")


class Unclear(Exception):
    """Something has no meaning."""


# ---- text with wildcards ----


def spell(text: str, version: str, context: JSON, wildcards: bool, variables: bool) -> Spelled | None:
    """A policy value as a list of (character, wildcard?); None where a variable has no value."""
    found: Spelled = []
    at = 0
    while at < len(text):
        if variables and version == "2012-10-17" and text.startswith("${", at):
            end = text.find("}", at)
            if end < 0:
                raise Unclear
            inside = text[at + 2 : end]
            at = end + 1
            if inside in ("*", "?", "$"):
                found.append((inside, False))
                continue
            key, comma, default = inside.partition(",")
            value = context.get(key.strip().lower())
            if value is None and comma:
                value = default.strip().strip("'")
            if value is None:
                return None
            if isinstance(value, tuple):
                raise Unclear
            found += [(sign, False) for sign in value]
        else:
            found.append((text[at], wildcards and text[at] in "*?"))
            at += 1
    return found


def fits(pattern: Spelled, text: str) -> bool:
    """Whether a spelled pattern fits a text: the textbook table, row by row."""
    row = [True] + [False] * len(text)
    for sign, wild in pattern:
        new = [wild and sign == "*" and row[0]]
        for place, letter in enumerate(text, 1):
            if wild and sign == "*":
                new.append(row[place] or new[place - 1])
            elif wild:
                new.append(row[place - 1])
            else:
                new.append(row[place - 1] and sign == letter)
        row = new
    return row[len(text)]


def in_parts(pattern: Spelled) -> list[Spelled]:
    """Split a spelled pattern at its first five literal colons."""
    parts: list[Spelled] = [[]]
    for sign, wild in pattern:
        if sign == ":" and not wild and len(parts) < 6:
            parts.append([])
        else:
            parts[-1].append((sign, wild))
    return parts


def arn_fits(pattern: Spelled, text: str) -> bool:
    """Part by part."""
    if pattern == [("*", True)]:
        return len(text.split(":", 5)) == 6
    ours, theirs = in_parts(pattern), text.split(":", 5)
    return len(ours) == len(theirs) == 6 and all(fits(a, b) for a, b in zip(ours, theirs, strict=True))


# ---- one statement ----


def as_list(value: Any) -> list[Any]:
    """A bare value means a list of one."""
    return value if isinstance(value, list) else [value]


def action_meant(statement: JSON, action: str) -> bool:
    """Action or NotAction."""
    element = "Action" if "Action" in statement else "NotAction"
    hit = any(
        fits([(sign, sign in "*?") for sign in pattern.lower()], action.lower())
        for pattern in as_list(statement[element])
    )
    return hit == (element == "Action")


def resource_meant(statement: JSON, version: str, resource: str, context: JSON) -> str:
    """Resource, NotResource or, in trust policies, neither."""
    if "Resource" not in statement and "NotResource" not in statement:
        return YES
    element = "Resource" if "Resource" in statement else "NotResource"
    results = [one_resource(pattern, version, resource, context) for pattern in as_list(statement[element])]
    if YES in results:
        return YES if element == "Resource" else NO
    if UNCLEAR in results:
        return UNCLEAR
    return NO if element == "Resource" else YES


def one_resource(pattern: str, version: str, resource: str, context: JSON) -> str:
    """One pattern. A variable has a meaning in the last of the six parts only."""
    if pattern == "*":
        return YES
    for at in range(len(pattern)):
        if version == "2012-10-17" and pattern.startswith("${", at) and pattern[at + 2 : at + 4] not in ESCAPES:
            if pattern[:at].count(":") < 5:
                return UNCLEAR
            break
    try:
        spelled = spell(pattern, version, context, wildcards=True, variables=True)
    except Unclear:
        return UNCLEAR
    if spelled is None:
        return NO
    ours, theirs = in_parts(spelled), resource.split(":", 5)
    return YES if len(ours) == len(theirs) == 6 and all(map(fits, ours, theirs)) else NO


# ---- conditions ----


def conditions_met(statement: JSON, version: str, context: JSON) -> str:
    """AND over operators and keys."""
    results = [
        condition_met(operator, key, [_text(value) for value in as_list(values)], version, context)
        for operator, block in statement.get("Condition", {}).items()
        for key, values in block.items()
    ]
    return NO if NO in results else UNCLEAR if UNCLEAR in results else YES


def _text(value: Any) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def condition_met(operator: str, key: str, bounds: list[str], version: str, context: JSON) -> str:
    """One key under one operator."""
    sent = context.get(key.lower())
    there = sent is not None and sent != ()
    if operator == "Null":
        lowered = [bound.lower() for bound in bounds]
        if not all(bound in ("true", "false") for bound in lowered):
            return UNCLEAR
        return YES if ("false" if there else "true") in lowered else NO
    sets, _, name = operator.rpartition(":")
    if_exists = name.endswith("IfExists")
    name = name[: -len("IfExists")] if if_exists else name
    negative = name.startswith("Not") or "Not" in name
    name = name.replace("Not", "")
    if name not in COMPARE or sets not in ("", "ForAllValues", "ForAnyValue"):
        return UNCLEAR
    if not there:
        if sets == "ForAllValues" or if_exists:
            return YES
        return YES if negative and sets == "" else NO
    verdicts = []
    for value in sent if isinstance(sent, tuple) else (sent,):
        hits = [hit(name, value, bound, version, context) for bound in bounds]
        positive = YES if YES in hits else UNCLEAR if UNCLEAR in hits else NO
        verdicts.append({YES: NO, NO: YES}.get(positive, UNCLEAR) if negative else positive)
    if isinstance(sent, Spellings):  # one value in two spellings: it must not matter which is meant
        return verdicts[0] if len(set(verdicts)) == 1 else UNCLEAR
    every = sets == "ForAllValues" or (sets == "" and negative)
    first, last = (NO, YES) if every else (YES, NO)
    return first if first in verdicts else UNCLEAR if UNCLEAR in verdicts else last


def hit(name: str, value: str, bound: str, version: str, context: JSON) -> str:
    """Whether one request value and one policy value match, negation aside."""
    textual = name.startswith(("String", "Arn"))
    try:
        parts = own_parts(bound, version) if name.startswith("Arn") else []
        if len(parts) == 6:  # no value of a variable moves the policy's own colons
            ours = [spell(part, version, context, wildcards=True, variables=True) for part in parts]
            theirs = value.split(":", 5)
            fit = None not in ours and len(theirs) == 6 and all(map(fits, [part or [] for part in ours], theirs))
            return YES if fit else NO
        spelled = spell(bound, version, context, wildcards=name in ("StringLike", "ArnLike", "ArnEquals"),
                        variables=textual)  # fmt: skip
        if spelled is None:
            return NO
        return YES if COMPARE[name](value, spelled) else NO
    except (Unclear, ValueError):
        return UNCLEAR


def own_parts(bound: str, version: str) -> list[str]:
    """A policy value split at its first five colons that stand outside of variables."""
    parts, depth = [""], 0
    for at, sign in enumerate(bound):
        if version == "2012-10-17":
            depth += bound.startswith("${", at)
            depth -= sign == "}" and depth > 0
        if sign == ":" and not depth and len(parts) < 6:
            parts.append("")
        else:
            parts[-1] += sign
    return parts


def plain(spelled: Spelled) -> str:
    """The characters."""
    return "".join(sign for sign, _ in spelled)


def as_number(text: str) -> Fraction:
    """Decimal notation only."""
    digits = text.lstrip("+-")
    if not digits.replace(".", "", 1).isdigit() or not text.isascii() or len(text) - len(digits) > 1:
        raise Unclear
    return Fraction(text if not text.endswith(".") else text[:-1])


def as_date(text: str) -> datetime:
    """Epoch seconds, or the few ISO forms that the strategies make."""
    whole, _, fraction = text.removeprefix("-").partition(".")
    if whole.isdigit() and len(whole) != 4 and (fraction.isdigit() or "." not in text):
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=float(text))
    for form in ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%MZ", "%Y-%m-%d", "%Y-%m", "%Y"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise Unclear


def as_bool(text: str) -> bool:
    """In any case."""
    if text.lower() not in ("true", "false"):
        raise Unclear
    return text.lower() == "true"


def in_network(value: str, bound: str) -> bool:
    """Versions must agree."""
    sent, net = ipaddress.ip_address(value), ipaddress.ip_network(bound, strict=False)
    return sent.version == net.version and sent in net


COMPARE: dict[str, Callable[[str, Spelled], bool]] = {
    "StringEquals": lambda value, bound: value == plain(bound),
    "StringEqualsIgnoreCase": lambda value, bound: value.lower() == plain(bound).lower(),
    "StringLike": lambda value, bound: fits(bound, value),
    "NumericEquals": lambda value, bound: as_number(value) == as_number(plain(bound)),
    "NumericLessThan": lambda value, bound: as_number(value) < as_number(plain(bound)),
    "NumericLessThanEquals": lambda value, bound: as_number(value) <= as_number(plain(bound)),
    "NumericGreaterThan": lambda value, bound: as_number(value) > as_number(plain(bound)),
    "NumericGreaterThanEquals": lambda value, bound: as_number(value) >= as_number(plain(bound)),
    "DateEquals": lambda value, bound: as_date(value) == as_date(plain(bound)),
    "DateLessThan": lambda value, bound: as_date(value) < as_date(plain(bound)),
    "DateLessThanEquals": lambda value, bound: as_date(value) <= as_date(plain(bound)),
    "DateGreaterThan": lambda value, bound: as_date(value) > as_date(plain(bound)),
    "DateGreaterThanEquals": lambda value, bound: as_date(value) >= as_date(plain(bound)),
    "Bool": lambda value, bound: as_bool(value) == as_bool(plain(bound)),
    "BinaryEquals": lambda value, bound: (
        base64.b64decode(value, validate=True) == base64.b64decode(plain(bound), validate=True)
    ),
    "IpAddress": lambda value, bound: in_network(value, plain(bound)),
    "ArnEquals": lambda value, bound: arn_fits(bound, value),
    "ArnLike": lambda value, bound: arn_fits(bound, value),
}


# ---- principals ----


def ways(caller: JSON) -> dict[str, set[str]]:
    """The ways to name a caller, each with its spellings."""
    account = {f"AWS={caller['account']}", f"AWS=arn:aws:iam::{caller['account']}:root"}
    entity = {f"AWS={name}" for name in (caller["entity_arn"], caller["unique_id"]) if name}
    session = {f"AWS={caller['arn']}"}
    return {
        "root": {"account": account},
        "user": {"account": account, "entity": entity},
        "role": {"account": account, "entity": entity, "session": session},
        "federated": {"account": account, "entity": entity, "session": session},
        "service": {"service": {f"Service={caller['name']}"}},
        "anonymous": {"provider": {f"Federated={caller['arn']}"}} if caller["arn"] else {},
    }[caller["kind"]]


def spoken_of(statement: JSON, caller: JSON) -> set[str]:
    """How a statement names the caller: a set of way names and ``anyone``; empty for not at all."""
    element = "Principal" if "Principal" in statement else "NotPrincipal"
    raw = statement[element]
    if raw == "*":
        entries = {"AWS=*"}
    else:
        entries = {f"{kind}={name}" for kind, names in raw.items() for name in as_list(names)}
    named = {way for way, spellings in ways(caller).items() if spellings & entries}
    everyone = "AWS=*" in entries
    if element == "Principal":
        return named | ({"anyone"} if everyone else set())
    if everyone:
        return set()
    if statement["Effect"] == "Allow":
        return set() if named else {"anyone"}
    exempt = named == set(ways(caller)) and named != set()
    return set() if exempt else {"anyone"}


# ---- the decision ----


def applying(document: JSON, question: JSON, caller: JSON | None) -> list[tuple[str, set[str]]]:
    """The statements of a document that apply, as (effect, ways of naming)."""
    version = document.get("Version", "2008-10-17")
    found = []
    for statement in as_list(document["Statement"]):
        named = {"identity"} if caller is None else spoken_of(statement, caller)
        if not named or not action_meant(statement, question["action"]):
            continue
        verdicts = [
            resource_meant(statement, version, question["resource"], question["context"]),
            conditions_met(statement, version, question["context"]),
        ]
        sure = verdicts == [YES, YES]
        if sure or (NO not in verdicts and statement["Effect"] == "Deny"):
            found.append((statement["Effect"], named))
    return found


def slow_decide(question: JSON, caller: JSON, policies: JSON) -> tuple[str, str]:
    """(outcome, kind) of a request: the same two words that a Decision has."""
    rule = policies["rule"]
    own = {"key": "key", "trust": "trust"}.get(rule, "resource")
    asked = policies["resource"] if rule != "none" else None
    resource = applying(asked, question, caller) if asked else []
    granted = policies.get("grants") if rule == "key" else None
    grants = applying(granted, question, caller) if granted else []
    sides = {kind: caller_side(policies[kind], question) for kind in ("identity", "session")}
    sides["boundary"] = caller_side([policies["boundary"]] if policies["boundary"] else [], question)
    for kind, statements in ((own, resource), *((kind, sides[kind]) for kind in ORDER)):
        if any(effect == "Deny" for effect, _ in statements):
            return "explicitDeny", kind
    lacking = [kind for kind in ORDER if not sides[kind]]
    if not policies["boundary"]:
        lacking.remove("boundary")
    if not policies["session"] and caller["kind"] != "federated":
        lacking.remove("session")
    if caller["kind"] == "root" and "identity" in lacking:
        lacking.remove("identity")
    by_policy = {way for _, ways_named in resource for way in ways_named}
    named = by_policy | {way for _, ways_named in grants for way in ways_named}
    if rule == "trust" and caller["kind"] in ("service", "anonymous"):
        named -= {"anyone"}
    missing = first_missing(question, caller, rule, named, lacking)
    if missing:
        return "implicitDeny", own if missing == "resource" else missing
    thanks = own if caller["kind"] in ("service", "anonymous") else _thanks(rule, own, caller, named)
    if thanks == own and worth(rule, caller, named) > worth(rule, caller, by_policy):
        return "allowed", "grant"
    return "allowed", thanks


ORDER = ("identity", "boundary", "session")


def caller_side(documents: list[JSON], question: JSON) -> list[tuple[str, set[str]]]:
    """The statements that apply in some documents of the caller's side."""
    return [one for document in documents for one in applying(document, question, None)]


def first_missing(question: JSON, caller: JSON, rule: str, named: set[str], lacking: list[str]) -> str | None:
    """Which kind of policy is the first without the Allow that it must have."""
    if caller["kind"] in ("service", "anonymous"):
        must: list[str] = ["resource"]
    elif caller["account"] != question["resource_account"]:
        must = ["resource", *ORDER]
    elif frees_of_all(rule, caller["kind"], named):
        must = ["resource"]
    elif "entity" in named:
        must = ["resource", "boundary", "session"]
    elif rule in ("key", "trust"):
        must = ["resource", *ORDER]
    else:
        must = list(ORDER)
    absent = [*lacking, *([] if named else ["resource"])]
    return next((kind for kind in must if kind in absent), None)


def frees_of_all(rule: str, kind: str, named: set[str]) -> bool:
    """Whether the resource's policy alone is enough for a caller of its own account."""
    if "session" in named or ("anyone" in named and rule != "trust"):
        return True
    return (kind == "user" and "entity" in named) or (kind == "root" and "account" in named)


def worth(rule: str, caller: JSON, named: set[str]) -> int:
    """How far an Allow that names the caller in these ways reaches."""
    if not named:
        return 0
    if caller["kind"] in ("service", "anonymous") or frees_of_all(rule, caller["kind"], named):
        return 3
    return 2 if "entity" in named else 1


def _thanks(rule: str, own: str, caller: JSON, named: set[str]) -> str:
    """What kind of policy an allowed call owes most to."""
    if frees_of_all(rule, caller["kind"], named) or "entity" in named:
        return own
    return "root" if caller["kind"] == "root" else "identity"
