"""What a SecretId names: a name, a full ARN, or an ARN less its six-character ending.

Source: facts aws-observed, "ARN and SecretId"; secretsmanager section 2.
"""

from __future__ import annotations

import re

from strongroom.base.names import PARTITION, is_account_id, parse_arn
from strongroom.base.values import value_object
from strongroom.services.secretsmanager import errors

SUFFIX_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
SUFFIX_LENGTH = 6
NAME_MAX = 512

# "!" is left to the services that own secrets (rds!cluster-...); the text of the refusal names it all the
# same.
_NAME = re.compile(r"[A-Za-z0-9/_+=.@!-]+")
_SUFFIX = re.compile(r"-[A-Za-z0-9]{6}")


@value_object
class SecretRef:
    """Where to look for a secret. ``suffix`` is None where only the name decides."""

    account: str
    region: str
    name: str
    suffix: str | None = None


def secret_arn(account: str, region: str, name: str, suffix: str) -> str:
    """The ARN of a secret: its name and six random characters that outlive everything but the secret."""
    return f"arn:{PARTITION}:secretsmanager:{region}:{account}:secret:{name}-{suffix}"


def check_name(name: str) -> str:
    """The name itself; raises the invalid-name refusal where it has a character that no name has."""
    if _NAME.fullmatch(name) is None:
        raise errors.invalid_name()
    return name


def read_secret_id(text: str, *, account: str, region: str) -> SecretRef:
    """Where a SecretId points, for a caller of this account in this Region.

    A tail that ends in a hyphen and six letters or digits is only ever tried as a full ARN, as AWS does: a
    shortened ARN of a secret whose own name ends so is therefore not found.
    Raises the invalid-name refusal for text that is neither a name nor an ARN of a secret (Our choice for
    ARNs of another service, which AWS has not been seen to answer).
    """
    if not text.startswith("arn:"):
        if _NAME.fullmatch(text) is None:
            raise errors.invalid_name()
        return SecretRef(account, region, text)
    arn = parse_arn(text)
    if (
        arn is None
        or arn.partition != PARTITION
        or arn.service != "secretsmanager"
        or not arn.resource.startswith("secret:")
        or not is_account_id(arn.account)
    ):
        # DIFFERS: foreign identifiers.
        raise errors.invalid_name()
    tail = check_name(arn.resource[len("secret:") :])
    ending = tail[-SUFFIX_LENGTH - 1 :]
    if len(tail) > SUFFIX_LENGTH + 1 and _SUFFIX.fullmatch(ending) is not None:
        return SecretRef(arn.account, arn.region, tail[: -SUFFIX_LENGTH - 1], ending[1:])
    return SecretRef(arn.account, arn.region, tail)
