"""Entities by name: their kinds, ids and ARNs."""

from __future__ import annotations

from datetime import datetime

from strongroom.base.classes import dataclass
from strongroom.base.entropy import Entropy, pick
from strongroom.base.keyids import BASE32
from strongroom.base.names import PARTITION, is_account_id, parse_arn

_UNIQUE_ID_LENGTH = 21
AWS = "aws"
"""Stands where an account would in the ARNs of AWS managed policies."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of entity, in all the words that the API uses for it.

    ``noun`` as in operation names, ``word`` as in ARNs and texts, ``member`` the parameter that names one,
    ``prefix`` of unique ids.
    """

    noun: str
    word: str
    member: str
    prefix: str


USER = Kind("User", "user", "UserName", "AIDA")
GROUP = Kind("Group", "group", "GroupName", "AGPA")
ROLE = Kind("Role", "role", "RoleName", "AROA")
POLICY = Kind("Policy", "policy", "PolicyName", "ANPA")
INSTANCE_PROFILE = Kind("InstanceProfile", "instance-profile", "InstanceProfileName", "AIPA")
KINDS = {kind.word: kind for kind in (USER, GROUP, ROLE, POLICY, INSTANCE_PROFILE)}


@dataclass(frozen=True, slots=True)
class Entity:
    """What users, groups, roles and managed policies have in common.

    ``boundary`` is a managed policy's ARN.
    """

    id: str
    account: str
    kind: Kind
    name: str
    path: str
    created: datetime
    boundary: str | None = None
    description: str | None = None

    @property
    def arn(self) -> str:
        """The full ARN, path included."""
        return arn_of(self.account, self.kind, self.path, self.name)

    @property
    def noun(self) -> str:
        """What operation names call its kind."""
        return self.kind.noun


def arn_of(account: str, kind: Kind, path: str, name: str) -> str:
    """``arn:aws:iam::ACCOUNT:user/PATH/NAME``. Source: IAM User Guide, "IAM identifiers"."""
    return f"arn:{PARTITION}:iam::{account}:{kind.word}{path}{name}"


def folded(name: str) -> str:
    """A name as it is compared. Source: API reference, CreateUser: names are not distinguished by case."""
    return name.lower()


def mint_id(kind: Kind, entropy: Entropy) -> str:
    """A new unique id of 21 characters, never used again. Source: IAM User Guide, "Unique identifiers"."""
    return kind.prefix + pick(entropy, BASE32, _UNIQUE_ID_LENGTH - len(kind.prefix))


@dataclass(frozen=True, slots=True)
class EntityName:
    """An entity's ARN taken apart. ``account`` is ``aws`` for AWS managed policies."""

    account: str
    kind: Kind
    path: str
    name: str


def parse_entity_arn(text: str) -> EntityName | None:
    """The parts of a user's, group's, role's or policy's ARN; None where the text is no such ARN."""
    arn = parse_arn(text)
    if arn is None or (arn.partition, arn.service, arn.region) != (PARTITION, "iam", ""):
        return None
    word, slash, rest = arn.resource.partition("/")
    kind = KINDS.get(word)
    path, _, name = f"/{rest}".rpartition("/")
    if kind is None or not slash or not name:
        return None
    if not is_account_id(arn.account) and (arn.account, kind) != (AWS, POLICY):
        return None
    return EntityName(arn.account, kind, path + "/", name)
