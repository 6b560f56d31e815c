"""What one record is found by: the words of CloudTrail's lookup attributes.

Source: CloudTrail API reference, LookupAttribute; CloudTrail User Guide, "Viewing recent management events"
(facts: lambda-and-others, part 3). Which parameters name resources: Our choice, as the console shows them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any
from uuid import UUID

from strongroom.base.classes import dataclass

SECRET = "AWS::SecretsManager::Secret"  # noqa: S105  a type
MAX_RESOURCES = 40
"""Of one record; BatchGetSecretValue names 20 secrets at most."""

_SECRETS_MANAGER = "secretsmanager.amazonaws.com"
_BY_PARAMETER: Mapping[str, Mapping[str, str]] = {
    _SECRETS_MANAGER: {"secretId": SECRET, "name": SECRET, "secretIdList": SECRET},
    "kms.amazonaws.com": {"keyId": "AWS::KMS::Key", "aliasName": "AWS::KMS::Alias"},
    "iam.amazonaws.com": {
        "userName": "AWS::IAM::User",
        "roleName": "AWS::IAM::Role",
        "groupName": "AWS::IAM::Group",
        "policyArn": "AWS::IAM::Policy",
        "accessKeyId": "AWS::IAM::AccessKey",
        "instanceProfileName": "AWS::IAM::InstanceProfile",
        "openIDConnectProviderArn": "AWS::IAM::OIDCProvider",
    },
    "sts.amazonaws.com": {"roleArn": "AWS::IAM::Role"},
    "lambda.amazonaws.com": {"functionName": "AWS::Lambda::Function"},
    "logs.amazonaws.com": {"logGroupName": "AWS::Logs::LogGroup"},
}
_IN_ARN = ":secret:"
SUFFIX_CHARS = 7
"""Of an ARN, after a secret's name."""


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one record.

    ``when_ms``: the event's second, and the journal's milliseconds within it.
    ``resources``: (type, name) as they are shown; ``names``: all names that find them.
    ``owner``: the account of the resource, where another account was allowed to use it; else None.
    """

    account: str
    region: str
    when_ms: int
    source: str
    name: str
    read_only: bool
    username: str
    access_key: str
    resources: tuple[tuple[str, str], ...]
    names: tuple[str, ...]
    owner: str | None

    @property
    def types(self) -> tuple[str, ...]:
        """The types of the resources, each once."""
        if len(self.resources) < 2:
            return tuple(kind for kind, _ in self.resources)
        return tuple(sorted({kind for kind, _ in self.resources}))


def words_of(line: Mapping[str, Any]) -> Words:
    """The words of a line of the journal that holds an event."""
    event = line["event"]
    who = event.get("userIdentity") or {}
    resources, names = _resources(event, line.get("decision") or {})
    account = str(event.get("recipientAccountId") or "")
    return Words(
        account=account,
        region=str(event.get("awsRegion", "")),
        when_ms=_when_ms(str(event.get("eventTime", "")), line["at"]),
        source=str(event.get("eventSource", "")),
        name=str(event.get("eventName", "")),
        read_only=event.get("readOnly") is True,
        username=username(who),
        access_key=str(who.get("accessKeyId") or ""),
        resources=resources,
        names=names,
        owner=_owner(line, account),
    )


def has(words: Words, attribute: str | None, value: str) -> bool:
    """Whether a record has a word: an attribute of CloudTrail's and its value; None is had by every record."""
    if attribute is None:
        return True
    had: Mapping[str, Iterable[str]] = {
        "EventName": (words.name,),
        "EventSource": (words.source,),
        "ReadOnly": ("true" if words.read_only else "false",),
        "Username": (words.username,),
        "AccessKeyId": (words.access_key,),
        "ResourceType": words.types,
        "ResourceName": words.names,
    }
    return value in had.get(attribute, ())


def username(who: Mapping[str, Any]) -> str:
    """The user's name, a role session's own name, ``root``; empty where there is none."""
    kind = who.get("type")
    if kind == "Root":
        return "root"
    if kind in {"AssumedRole", "FederatedUser"}:
        return str(who.get("arn", "")).rpartition("/")[2]
    return str(who.get("userName") or "")


def may_be_told(event: Mapping[str, Any], arn: str) -> bool:
    """Whether a record may name a resource to its account: not what a refused call only found out in another account.

    Whoever was refused must not learn from the record, say, which key another account's alias leads to.
    """
    if "errorCode" not in event or not arn.startswith("arn:"):
        return True
    parts = arn.split(":", 5)
    if len(parts) > 4 and parts[4] in ("", event.get("recipientAccountId")):
        return True
    return any(name == arn for _, name in _named(event))


def owners_id(event_id: str, owner: str) -> str:
    """The id of the copy of an event that the owner of a resource gets: always the same one."""
    return str(UUID(bytes=sha256(f"{event_id} {owner}".encode()).digest()[:16], version=4))


def names_of_secret(arn: str, named: str) -> tuple[str, ...]:
    """All names of a record that was about one secret and nothing else: its ARN, and how it was asked for, if it was.

    The same as ``words_of`` finds.
    """
    return tuple(dict.fromkeys(one for name in (arn, named) for one in (name, _short(name)) if one))


def asked_for(event: Mapping[str, Any]) -> tuple[str, ...]:
    """The parameters of a call of Secrets Manager that name one secret; none for other calls."""
    return ("secretId", "name") if event.get("eventSource") == _SECRETS_MANAGER else ()


def is_secret_arn(found: object) -> bool:
    """Whether it is the ARN of one secret, and no pattern of many."""
    return isinstance(found, str) and _IN_ARN in found and "*" not in found and "?" not in found


def _owner(line: Mapping[str, Any], account: str) -> str | None:
    """Source: CloudTrail User Guide, "sharedEventID": an allowed call is told to both accounts."""
    decision = line.get("decision") or {}
    owner = decision.get("resourceAccount")
    if not owner or owner == account or decision.get("outcome") != "allowed" or "errorCode" in line["event"]:
        return None
    return str(owner)


def _resources(
    event: Mapping[str, Any], decision: Mapping[str, Any]
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    named = list(_named(event))
    told = [(str(one.get("type")), str(one.get("ARN"))) for one in event.get("resources") or ()]
    secret = _secret_arn(event, decision)
    if secret:
        told.append((SECRET, secret))
    told = [one for one in told if may_be_told(event, one[1])]
    known = {kind for kind, _ in told}
    shown = dict.fromkeys([*told, *((kind, name) for kind, name in named if kind not in known)])
    names: dict[str, None] = {}
    for _, name in [*shown, *named][:MAX_RESOURCES]:
        names[name] = None
        short = _short(name)
        if short:
            names[short] = None
    return tuple(shown)[:MAX_RESOURCES], tuple(names)


def _secret_arn(event: Mapping[str, Any], decision: Mapping[str, Any]) -> str:
    """The secret that a call was about: the one it was decided for, made, or told of."""
    answer, more = event.get("responseElements") or {}, event.get("additionalEventData") or {}
    for found in (decision.get("resource"), answer.get("arn"), more.get("SecretId")):
        if is_secret_arn(found):
            return str(found)
    return ""


def _named(event: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    params = event.get("requestParameters")
    kinds = _BY_PARAMETER.get(str(event.get("eventSource")))
    if not kinds or not isinstance(params, dict):
        return
    for member, kind in kinds.items():
        value = params.get(member)
        for one in value if isinstance(value, list) else (value,):
            if isinstance(one, str) and one:
                yield kind, one


def _short(arn: str) -> str:
    """The name inside an ARN; empty for what is none."""
    if not arn.startswith("arn:"):
        return ""
    head, found, name = arn.partition(_IN_ARN)
    if found:
        return name[:-SUFFIX_CHARS] if name[-SUFFIX_CHARS : -SUFFIX_CHARS + 1] == "-" else name
    return head.rpartition("/")[2] if "/" in head else head.rpartition(":")[2]


def _when_ms(stamp: str, at_ms: int) -> int:
    begun = second_ms(stamp)
    return at_ms if begun is None else when_ms(begun, at_ms)


def when_ms(begun: int, at_ms: int) -> int:
    """When an event was, by its second and by when the journal took it."""
    return begun + (at_ms % 1000 if at_ms - begun < 1000 else 999)


@lru_cache(maxsize=64)
def second_ms(stamp: str) -> int | None:
    """The milliseconds of an event's second; None where it is none."""
    try:
        moment = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    return None if moment.tzinfo is None else int(moment.timestamp()) * 1000
