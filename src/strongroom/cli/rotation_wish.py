"""What ``rotation enable`` will make: names, documents and settings, from what was asked. Pure.

The role may do what one rotation of this one secret needs, and nothing else.
Source: Secrets Manager User Guide, "Lambda rotation function execution role permissions".
"""

from __future__ import annotations

import re
from typing import Any

from strongroom.base.classes import dataclass, field

TRUST: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
TAG = "strongroom:rotates"
"""The tag, on role and function, that says which secret they were made for."""
POLICY = "rotation"
STATEMENT = "secretsmanager"
TIMEOUT_SECONDS = 120
"""Longer than three logins at a host that does not answer (facts rotation, section 3, "Step budget")."""
MEMORY_MB = 256
_EVERY = re.compile(r"(\d{1,4})\s*([dh])")
_NAME_CHARACTERS = 40


@dataclass(frozen=True, slots=True)
class Wish:
    """A rotation to be set up.

    ``keys`` and ``superuser_keys`` are ARNs of customer KMS keys, empty for AWS's own; ``user`` is an IAM user's ARN.
    """

    arn: str
    engine: str
    strategy: str = "single"
    superuser: str | None = None
    user: str | None = None
    keys: tuple[str, ...] = ()
    superuser_keys: tuple[str, ...] = ()
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of role and function: it has the secret's own six characters, so that no other secret has it."""
        return f"rotates-{_plain(self.arn.rsplit(':', 1)[1])}"

    @property
    def region(self) -> str:
        """The secret's Region."""
        return self.arn.split(":")[3]

    @property
    def account(self) -> str:
        """The secret's account."""
        return self.arn.split(":")[4]

    @property
    def environment(self) -> dict[str, str]:
        """The function's settings."""
        found = {"ROTATION_ENGINE": self.engine, "ROTATION_STRATEGY": self.strategy}
        if self.superuser is not None:
            found["ROTATION_SUPERUSER"] = self.superuser
        return found | self.settings

    def policy(self) -> dict[str, Any]:
        """The role's permissions."""
        own = ["DescribeSecret", "GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage"]
        statements = [
            _allow([f"secretsmanager:{name}" for name in own], self.arn),
            _allow(["secretsmanager:GetRandomPassword"], "*"),
            _allow(["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], self._logs),
        ]
        if self.superuser is not None:
            statements.append(_allow(["secretsmanager:GetSecretValue"], self.superuser))
        through = {"StringEquals": {"kms:ViaService": f"secretsmanager.{self.region}.amazonaws.com"}}
        statements += [
            _allow(["kms:Decrypt", "kms:GenerateDataKey"], key) | {"Condition": through} for key in self.keys
        ]
        statements += [_allow(["kms:Decrypt"], key) | {"Condition": through} for key in self.superuser_keys]
        if self.user is not None:
            keys = ["CreateAccessKey", "DeleteAccessKey", "ListAccessKeys"]
            statements.append(_allow([f"iam:{name}" for name in keys], self.user))
            statements.append(_allow(["secretsmanager:ListSecretVersionIds"], self.arn))
        return {"Version": "2012-10-17", "Statement": statements}

    @property
    def _logs(self) -> str:
        return f"arn:aws:logs:{self.region}:{self.account}:log-group:/aws/lambda/{self.name}*"


def rules_of(every: str, window: str | None = None) -> dict[str, Any]:
    """RotationRules for ``30d``, ``12h``, or an expression as AWS has them. Raises ValueError."""
    more = {} if window is None else {"Duration": window}
    if every.startswith(("cron(", "rate(")):
        return {"ScheduleExpression": every} | more
    matched = _EVERY.fullmatch(every)
    if matched is None:
        raise ValueError(f"{every!r} is not like 30d, 12h, cron(0 4 * * ? *) or rate(10 days)")
    number, unit = int(matched[1]), matched[2]
    if unit == "d":
        return {"AutomaticallyAfterDays": number} | more
    return {"ScheduleExpression": f"rate({number} hours)"} | more


def _allow(actions: list[str], resource: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resource}


def _plain(name: str) -> str:
    """A secret's name with its six characters, in the letters that functions have."""
    base, _, suffix = name.rpartition("-")
    return f"{re.sub(r'[^A-Za-z0-9_-]', '-', base)[:_NAME_CHARACTERS]}-{suffix}"
