"""From a decision to give out credentials to the credentials: shared by the three operations that do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from strongroom.base.keyids import TEMPORARY, mint
from strongroom.kernel.authz.document import DocumentKind, PolicyError, parse_document
from strongroom.kernel.call import Call
from strongroom.kernel.sealing.tokenkeys import token_keys
from strongroom.kernel.sealing.tokens import Session, issue, packed
from strongroom.kernel.storage.port import Transaction
from strongroom.services.sts import rules
from strongroom.services.sts.errors import MalformedPolicyDocumentException, denied, invalid


def session_policies(call: Call, tx: Transaction, account: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The inline session policies and the ARNs of managed ones, checked.

    Source: API reference, AssumeRole.
    """
    text: str | None = call.get("Policy")
    if text is not None:
        try:
            parse_document(text, DocumentKind.SESSION, "session policy")
        except PolicyError as fault:
            raise MalformedPolicyDocumentException(str(fault)) from None
    arns = tuple(entry.get("arn", "") for entry in call.get("PolicyArns", ()))
    _refuse_bad_arns(call, tx, account, arns)
    return () if text is None else (text,), arns


def _refuse_bad_arns(call: Call, tx: Transaction, account: str, arns: Sequence[str]) -> None:
    for arn in arns:
        if call.kernel.roles.managed_policy(tx, account, arn) is None:
            raise invalid(f"Policy {arn} does not exist or is not attachable.")


def proves_mfa(call: Call, tx: Transaction) -> bool:
    """Whether the request proves a second factor with ``SerialNumber`` and ``TokenCode``: False where it has neither.

    Uses the code up. Raises AccessDenied, in AWS's text, where the device is not the caller's or the code is wrong.
    """
    serial, code = call.get("SerialNumber"), call.get("TokenCode")
    if serial is None and code is None:
        return False
    if serial is None or code is None or not call.kernel.roles.use_mfa(call, tx, serial, code):
        raise denied(
            "MultiFactorAuthentication failed, unable to validate MFA code.  "
            "Please verify your MFA serial number is valid and associated with this user."
        )
    return True


def given_out(call: Call, tx: Transaction, session: Session) -> dict[str, Any]:
    """The ``Credentials`` of a new session; and PackedPolicySize where policies or tags were passed."""
    answer: dict[str, Any] = {}
    if session.policies or session.policy_arns or session.tags:
        answer["PackedPolicySize"] = rules.packed_percent(len(packed(session)))
    key_id = mint(TEMPORARY, session.account, call.kernel.entropy)
    answer["Credentials"] = {
        "AccessKeyId": key_id,
        "SecretAccessKey": session.secret,
        "SessionToken": issue(token_keys(tx, call.kernel.keyring).keyring, session, key_id),
        "Expiration": session.expires,
    }
    return answer


def as_pairs(tags: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Tags as a token holds them."""
    return tuple(tags.items())
