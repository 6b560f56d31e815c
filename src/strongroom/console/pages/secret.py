"""One secret: what it is, its value when asked for, versions, rotation, permissions, copies, activity, sample code."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from strongroom.base.classes import dataclass, field
from strongroom.console.pages import charts, samples
from strongroom.console.pages.dashboard import rotations_ended
from strongroom.console.visit import Refused, Reply, Stop, Visit
from strongroom.kernel.authz.document import DocumentKind
from strongroom.kernel.authz.lint import lint
from strongroom.kernel.model.catalogue import CATALOGUE

TABS = {
    "overview": "Overview",
    "versions": "Versions",
    "rotation": "Rotation",
    "permissions": "Permissions",
    "replication": "Replication",
    "activity": "Activity",
    "code": "Sample code",
}
READ = "secretsmanager:GetSecretValue"
EVENTS_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Shown:
    """A value as a page shows it. ``pairs``: where it is a JSON object of texts, the keys and values."""

    text: str = field(repr=False)
    pairs: Sequence[tuple[str, str]] | None = field(repr=False)
    binary: bool
    version: str
    labels: Sequence[str]


def shown_of(answer: Mapping[str, Any]) -> Shown:
    """The value in an answer of GetSecretValue."""
    labels = answer.get("VersionStages", ())
    if "SecretString" not in answer:
        text = base64.b64encode(answer["SecretBinary"]).decode()
        return Shown(text, None, binary=True, version=answer["VersionId"], labels=labels)
    text = answer["SecretString"]
    return Shown(text, pairs_of(text), binary=False, version=answer["VersionId"], labels=labels)


def pairs_of(text: str) -> list[tuple[str, str]] | None:
    """Keys and values of a JSON object whose values are texts; None for anything else."""
    try:
        read = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(read, dict) or not all(isinstance(value, str) for value in read.values()):
        return None
    return list(read.items())


# ---------------------------------------------------------------------- looking


def looked_at(visit: Visit) -> Reply:
    """The page with one of its tabs."""
    return _page(visit, visit.asked("id"), visit.asked("tab"))


def _page(visit: Visit, secret_id: str, tab: str, *, status: int = 200, **more: Any) -> Reply:
    tab = tab if tab in TABS else "overview"
    secret = visit.ask("secretsmanager", "DescribeSecret", SecretId=secret_id)
    told: dict[str, Any] = {"value": None, "refusal": None, "draft": None, "checks": None, "compared": None} | more
    told |= _FOR_TAB.get(tab, _nothing)(visit, secret)
    said = visit.asked("said") if visit.request.method == "GET" else ""
    return visit.page(
        f"secret_{tab}.html", status=status, secret=secret, tab=tab, tabs=TABS, now=visit.now, said=said, **told
    )


def _nothing(_visit: Visit, _secret: Mapping[str, Any]) -> dict[str, Any]:
    return {}


def _versions(visit: Visit, secret: Mapping[str, Any]) -> dict[str, Any]:
    """The newest first, so that what is compared at first is the last change."""
    answer = visit.attempt(
        "secretsmanager", "ListSecretVersionIds", SecretId=secret["ARN"], IncludeDeprecated=True, MaxResults=100
    )
    if isinstance(answer, Refused):
        return {"versions": answer}
    ordered = sorted(answer["Versions"], key=lambda one: one["CreatedDate"], reverse=True)
    return {"versions": {**answer, "Versions": ordered}}


def _rotation(visit: Visit, secret: Mapping[str, Any]) -> dict[str, Any]:
    history = [one for one in rotations_ended(visit)[0] if one["secret"] == secret["ARN"]]
    return {
        "timeline": charts.timeline(history, visit.machine_now),
        "functions": visit.attempt("lambda", "ListFunctions", MaxItems=50),
        "standing": visit.attempt("strongroom", "GetRotation", SecretId=secret["ARN"]),
        "history": history,
    }


def _permissions(visit: Visit, secret: Mapping[str, Any]) -> dict[str, Any]:
    arn = secret["ARN"]
    return {
        "policy": visit.attempt("secretsmanager", "GetResourcePolicy", SecretId=arn),
        "who": visit.attempt("strongroom", "WhoCan", Action=READ, Resource=arn),
    }


def _replication(visit: Visit, secret: Mapping[str, Any]) -> dict[str, Any]:
    taken = {one["Region"] for one in secret.get("ReplicationStatus", ())} | {visit.region}
    return {"free_regions": [one for one in visit.house.regions if one not in taken]}


def _activity(visit: Visit, secret: Mapping[str, Any]) -> dict[str, Any]:
    answer = visit.attempt(
        "cloudtrail",
        "LookupEvents",
        LookupAttributes=[{"AttributeKey": "ResourceName", "AttributeValue": secret["ARN"]}],
        MaxResults=EVENTS_SHOWN,
    )
    return {"events": answer}


def _code(visit: Visit, secret: Mapping[str, Any]) -> dict[str, Any]:
    url = f"{'https' if visit.secure else 'http'}://{visit.source.host}"
    return {"samples": samples.of(url, visit.region, secret["Name"]), "url": url}


_FOR_TAB = {
    "versions": _versions,
    "rotation": _rotation,
    "permissions": _permissions,
    "replication": _replication,
    "activity": _activity,
    "code": _code,
}


# ---------------------------------------------------------------------- values


def reveal(visit: Visit) -> Reply:
    """The value, for a minute. It is a GetSecretValue like any other, and recorded as one."""
    secret_id = visit.field("id")
    try:
        answer = visit.ask("secretsmanager", "GetSecretValue", SecretId=secret_id)
    except Refused as refusal:
        return _page(visit, secret_id, "overview", status=403, refusal=refusal)
    return _page(visit, secret_id, "overview", value=shown_of(answer))


def compare(visit: Visit) -> Reply:
    """Which keys differ between two versions. Both values are read, which is recorded; neither is shown."""
    secret_id = visit.field("id")
    try:
        one, other = (
            visit.ask("secretsmanager", "GetSecretValue", SecretId=secret_id, VersionId=visit.field(name))
            for name in ("one", "other")
        )
    except Refused as refusal:
        return _page(visit, secret_id, "versions", status=403, refusal=refusal)
    return _page(visit, secret_id, "versions", compared=differences(one, other))


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Names of keys, by what became of them from one version to the other; never values."""
    first, second = _object(one), _object(other)
    told: dict[str, Any] = {"one": one["VersionId"], "other": other["VersionId"], "keys": None}
    raw = [part.get("SecretString", part.get("SecretBinary")) for part in (one, other)]
    told["same"] = raw[0] == raw[1]
    if first is not None and second is not None:
        told["keys"] = {
            "added": sorted(second.keys() - first.keys()),
            "removed": sorted(first.keys() - second.keys()),
            "changed": sorted(key for key in first.keys() & second.keys() if first[key] != second[key]),
            "unchanged": sorted(key for key in first.keys() & second.keys() if first[key] == second[key]),
        }
    return told


def _object(answer: Mapping[str, Any]) -> dict[str, Any] | None:
    try:
        read = orjson.loads(answer.get("SecretString", ""))
    except orjson.JSONDecodeError:
        return None
    return read if isinstance(read, dict) else None


# ---------------------------------------------------------------------- changing


def changed(visit: Visit) -> Reply:
    """One of the small changes; then the page it belongs to, which says that it was done."""
    act = _ACTS.get(visit.path["act"])
    if act is None:
        return visit.page("missing.html", status=404)
    secret_id = visit.field("id")
    change, tab = act
    try:
        change(visit, secret_id)
    except Refused as refusal:
        try:
            return _page(visit, secret_id, tab, status=400, refusal=refusal, draft=visit.raw("policy") or None)
        except Refused:
            raise refusal from None
    if visit.path["act"] == "delete" and visit.field("days") == "0":
        return visit.go(visit.url("secrets", said="deleted"))
    return visit.go(visit.url("secret", id=secret_id, tab=tab, said=visit.path["act"]))


def _details(visit: Visit, secret_id: str) -> None:
    visit.ask(
        "secretsmanager",
        "UpdateSecret",
        SecretId=secret_id,
        Description=visit.raw("description"),
        KmsKeyId=visit.field("key") or None,
    )


def _tag(visit: Visit, secret_id: str) -> None:
    tags = [{"Key": visit.field("tag_key"), "Value": visit.field("tag_value")}]
    visit.ask("secretsmanager", "TagResource", SecretId=secret_id, Tags=tags)


def _untag(visit: Visit, secret_id: str) -> None:
    visit.ask("secretsmanager", "UntagResource", SecretId=secret_id, TagKeys=[visit.raw("tag_key")])


def _delete(visit: Visit, secret_id: str) -> None:
    days = visit.field("days")
    if not days.isascii() or not days.isdigit() or len(days) > 3:
        days = "30"
    visit.ask("secretsmanager", "DeleteSecret", SecretId=secret_id, RecoveryWindowInDays=int(days))


def _restore(visit: Visit, secret_id: str) -> None:
    visit.ask("secretsmanager", "RestoreSecret", SecretId=secret_id)


def _rotate(visit: Visit, secret_id: str) -> None:
    visit.ask("secretsmanager", "RotateSecret", SecretId=secret_id, RotateImmediately=True)


def _rehearse(visit: Visit, secret_id: str) -> None:
    """The function's testSecret step alone, as RotateSecret does it where it is not to rotate at once."""
    visit.ask("secretsmanager", "RotateSecret", SecretId=secret_id, RotateImmediately=False)


def _retry(visit: Visit, secret_id: str) -> None:
    visit.ask("strongroom", "RetryRotation", SecretId=secret_id)


def _abandon(visit: Visit, secret_id: str) -> None:
    visit.ask("strongroom", "AbandonRotation", SecretId=secret_id, Sure=bool(visit.field("sure")))


def _configure(visit: Visit, secret_id: str) -> None:
    visit.ask("secretsmanager", "RotateSecret", SecretId=secret_id, **rotation_of(visit))


def rotation_of(visit: Visit) -> dict[str, Any]:
    """The parameters of RotateSecret in a form."""
    rules: dict[str, Any] = {}
    expression, days = visit.field("schedule"), visit.field("every_days")
    if expression:
        rules["ScheduleExpression"] = expression
    elif days.isascii() and days.isdigit() and len(days) <= 4:
        rules["AutomaticallyAfterDays"] = int(days)
    if visit.field("window"):
        rules["Duration"] = visit.field("window")
    return {
        "RotationLambdaARN": visit.field("function") or None,
        "RotationRules": rules or None,
        "RotateImmediately": bool(visit.field("at_once")),
    }


def _stop(visit: Visit, secret_id: str) -> None:
    visit.ask("secretsmanager", "CancelRotateSecret", SecretId=secret_id)


def _policy(visit: Visit, secret_id: str) -> None:
    policy = visit.raw("policy")
    if visit.field("only") == "check":
        answer = visit.attempt("secretsmanager", "ValidateResourcePolicy", SecretId=secret_id, ResourcePolicy=policy)
        raise Stop(
            _page(visit, secret_id, "permissions", draft=policy, checks={"answer": answer, "lint": linted(policy)})
        )
    block = bool(visit.field("block_public"))
    visit.ask("secretsmanager", "PutResourcePolicy", SecretId=secret_id, ResourcePolicy=policy, BlockPublicPolicy=block)


def linted(policy: str) -> list[str]:
    """What the policy language itself says of a policy, as `strongroom policy check` does."""
    actions = {"secretsmanager": tuple(CATALOGUE.service("secretsmanager").operations)}
    _, found = lint(policy, actions, DocumentKind.RESOURCE)
    places = ("" if one.statement is None else f"Statement {one.statement + 1}: " for one in found)
    return [f"{one.level.capitalize()}. {place}{one.says}" for one, place in zip(found, places, strict=True)]


def _drop_policy(visit: Visit, secret_id: str) -> None:
    visit.ask("secretsmanager", "DeleteResourcePolicy", SecretId=secret_id)


def _replicate(visit: Visit, secret_id: str) -> None:
    region = {"Region": visit.field("to_region")} | ({"KmsKeyId": visit.field("key")} if visit.field("key") else {})
    visit.ask("secretsmanager", "ReplicateSecretToRegions", SecretId=secret_id, AddReplicaRegions=[region])


def _drop_replica(visit: Visit, secret_id: str) -> None:
    regions = [visit.field("to_region")]
    visit.ask("secretsmanager", "RemoveRegionsFromReplication", SecretId=secret_id, RemoveReplicaRegions=regions)


def _promote(visit: Visit, secret_id: str) -> None:
    """Make a version the current one again: AWSCURRENT moves to it."""
    secret = visit.ask("secretsmanager", "DescribeSecret", SecretId=secret_id)
    stages = secret.get("VersionIdsToStages", {})
    now = next((one for one, labels in stages.items() if "AWSCURRENT" in labels), None)
    visit.ask(
        "secretsmanager",
        "UpdateSecretVersionStage",
        SecretId=secret_id,
        VersionStage="AWSCURRENT",
        MoveToVersionId=visit.field("version"),
        RemoveFromVersionId=now,
    )


_ACTS = {
    "details": (_details, "overview"),
    "tag": (_tag, "overview"),
    "untag": (_untag, "overview"),
    "delete": (_delete, "overview"),
    "restore": (_restore, "overview"),
    "rotate": (_rotate, "rotation"),
    "rehearse": (_rehearse, "rotation"),
    "retry": (_retry, "rotation"),
    "abandon": (_abandon, "rotation"),
    "rotation": (_configure, "rotation"),
    "rotation-off": (_stop, "rotation"),
    "policy": (_policy, "permissions"),
    "policy-drop": (_drop_policy, "permissions"),
    "replicate": (_replicate, "replication"),
    "replica-drop": (_drop_replica, "replication"),
    "promote": (_promote, "versions"),
}

PAGES = (
    ("GET", "/console/{region}/secret", looked_at),
    ("POST", "/console/{region}/secret/reveal", reveal),
    ("POST", "/console/{region}/secret/compare", compare),
    ("POST", "/console/{region}/secret/{act}", changed),
)
