"""The forms in which a request names a key or an alias.

Source: KMS Developer Guide, "Key identifiers (KeyId)" (facts: kms, section 2; aws-observed, KMS).
"""

from __future__ import annotations

import re
from functools import lru_cache

from strongroom.base.classes import dataclass
from strongroom.base.names import PARTITION, is_account_id, parse_arn
from strongroom.base.values import value_object
from strongroom.services.kms import errors

ALIAS_PREFIX = "alias/"
AWS_PREFIX = "alias/aws/"
_KEY_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|mrk-[0-9a-f]{32}")


@value_object
class KeyName:
    """A key, whether or not there is one."""

    account: str
    region: str
    id: str

    @property
    def arn(self) -> str:
        """Its full ARN."""
        return f"arn:{PARTITION}:kms:{self.region}:{self.account}:key/{self.id}"


@dataclass(frozen=True, slots=True)
class AliasName:
    """An alias, whether or not there is one. ``name`` begins with ``alias/``."""

    account: str
    region: str
    name: str

    @property
    def arn(self) -> str:
        """Its full ARN."""
        return f"arn:{PARTITION}:kms:{self.region}:{self.account}:{self.name}"


@lru_cache(maxsize=8192)
def read_key_id(text: str, *, account: str, region: str, aliases: bool) -> KeyName | AliasName:
    """What a KeyId names, from the point of view of a caller's account and a Region.

    Aliases are taken by cryptographic operations, DescribeKey and GetPublicKey only.
    Raises NotFoundException for a text in no form, another Region, or an alias where none is taken.
    """
    resource, owner = text, account
    arn = parse_arn(text)
    if arn is not None:
        if (arn.partition, arn.service) != (PARTITION, "kms") or not is_account_id(arn.account):
            raise errors.NotFoundException(f"Invalid arn {text}")  # our choice: the neighbouring text
        if arn.region != region:
            raise errors.NotFoundException(f"Invalid arn {arn.region}")
        owner = arn.account
        is_key = arn.resource.startswith("key/")
        resource = arn.resource.removeprefix("key/")
    else:
        is_key = True
    if is_key and _KEY_ID.fullmatch(resource):
        return KeyName(owner, region, resource)
    if aliases and resource.startswith(ALIAS_PREFIX) and len(resource) > len(ALIAS_PREFIX):
        return AliasName(owner, region, resource)
    raise errors.NotFoundException(f"Invalid keyId '{text}'")


def alias_name(text: str, *, account: str, region: str) -> AliasName:
    """The alias that CreateAlias, UpdateAlias and DeleteAlias name: always by its bare name.

    Raises ValidationException without the prefix, InvalidAliasNameException for a reserved or empty rest.
    """
    if not text.startswith(ALIAS_PREFIX):
        raise errors.invalid(errors.ALIAS_PREFIX)
    if text.startswith(AWS_PREFIX):
        raise errors.InvalidAliasNameException(errors.ALIAS_RESERVED)
    if text == ALIAS_PREFIX:
        raise errors.InvalidAliasNameException(errors.ALIAS_PREFIX)
    return AliasName(account, region, text)
