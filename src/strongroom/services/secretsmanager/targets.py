"""What a call is about: the secret that a SecretId names, with all that a decision about it needs.

A decision comes before existence: a secret that is not there is a target all the same, and its absence is
told to allowed callers only. So is whatever is wrong with the parameters by the service's own logic.

Source: facts secretsmanager sections 6 ("Order") and 11.2 (condition keys). Our choice: for a secret that
does not exist the decision is about its ARN without the six characters, since nobody knows them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from strongroom.base.names import PARTITION
from strongroom.base.refusals import Answerable
from strongroom.kernel.authz.binding import meant
from strongroom.kernel.authz.document import Document, DocumentKind, load_document
from strongroom.kernel.authz.model import ContextValue, by_name
from strongroom.kernel.call import LET_GO, Call, Target
from strongroom.kernel.storage.port import Transaction
from strongroom.services.secretsmanager import errors, store
from strongroom.services.secretsmanager.rules.identifiers import SecretRef, read_secret_id, secret_arn
from strongroom.services.secretsmanager.rules.labels import CURRENT
from strongroom.services.secretsmanager.store import Secret
from strongroom.services.secretsmanager.store.versions import Current

POLICY_KIND = "secretsmanager-policy"
"""The generation that compiled resource policies stand under."""

Check = Callable[[Mapping[str, Any]], Answerable | None]
"""What is wrong with a request's parameters, told after the decision and before existence."""


def no_check(params: Mapping[str, Any]) -> Answerable | None:  # noqa: ARG001
    """For operations whose parameters the model has checked whole."""
    return None


def secret_at(check: Check) -> Callable[[Call, Transaction], Target]:
    """The locator of operations on a secret as such; ``found`` is the Secret."""

    def locate(call: Call, tx: Transaction) -> Target:
        ref = read_secret_id(call["SecretId"], account=call.account, region=call.region)
        problem = check(call.params)
        found = store.secrets.find_secret(tx, ref) if ref.region == call.region else None
        if found is None:
            return absent(ref, call["SecretId"], problem or errors.no_such_secret())
        return present(tx, found, None if problem else found, problem)

    return locate


def value_at(call: Call, tx: Transaction) -> Target:
    """The locator of GetSecretValue; ``found`` is (Secret, Version or None), read in one statement."""
    params = call.params
    secret_id = params["SecretId"]
    ref = read_secret_id(secret_id, account=call.account, region=call.region)
    row = None
    if ref.region == call.region:
        row = store.versions.find_value(
            tx, ref, stage=params.get("VersionStage", CURRENT), version_id=params.get("VersionId")
        )
    if row is None:
        return absent(ref, secret_id, errors.no_such_secret())
    return present(tx, row[0], row, None)


def current_at(call: Call, tx: Transaction) -> tuple[Target, Current] | None:
    """As ``value_at`` of a current value in the caller's own Region, with as much of it as a plain read looks at. None
    where it is not there, or special.
    """
    ref = read_secret_id(call.params["SecretId"], account=call.account, region=call.region)
    found = store.versions.find_current(tx, ref) if ref.region == call.region else None
    if found is None or found.special:
        return None
    arn = secret_arn(ref.account, ref.region, ref.name, found.suffix)
    return Target(arn, ref.account, LET_GO, arn), found


def absent(ref: SecretRef, given: str, missing: Answerable | None) -> Target:
    """A target that is not there, named as the caller named it."""
    if ref.suffix is None:
        arn = f"arn:{PARTITION}:secretsmanager:{ref.region}:{ref.account}:secret:{ref.name}"
    else:
        arn = secret_arn(ref.account, ref.region, ref.name, ref.suffix)
    return Target(arn=arn, account=ref.account, named=given, missing=missing, facts={"secretsmanager:secretid": arn})


def all_secrets(call: Call, tx: Transaction) -> Target:  # noqa: ARG001
    """What actions without resource-level permissions are about; AWS's refusals of them name no resource."""
    return Target(arn="*", account=call.account, named="")


def present(tx: Transaction, one: Secret, found: Any, missing: Answerable | None) -> Target:
    """A secret as a target, with its resource policy as it stands in this transaction."""
    arn = one.arn
    return Target(
        arn=arn,
        account=one.account,
        found=found,
        named=arn,
        missing=missing,
        policy=policy_of(tx, one, arn) if one.has_policy else None,
        facts=Facts(one, arn),
    )


def policy_of(tx: Transaction, one: Secret, arn: str) -> Document | None:
    """A secret's compiled resource policy, kept as long as no policy of the account changes."""

    def load() -> Document | None:
        text = store.secrets.policy_text(tx, one.pk)
        return None if text is None else load_document(meant(text), DocumentKind.RESOURCE, arn)

    return tx.cached(one.account, POLICY_KIND, ("secretsmanager-policy", one.pk), load)


class Facts(Mapping[str, ContextValue]):
    """``facts_of`` a secret, made when they are looked at: most decisions look at none."""

    __slots__ = ("_arn", "_made", "_one")

    def __init__(self, one: Secret, arn: str) -> None:
        self._one = one
        self._arn = arn
        self._made: dict[str, ContextValue] | None = None

    def _known(self) -> dict[str, ContextValue]:
        if self._made is None:
            self._made = facts_of(self._one, self._arn)
        return self._made

    def __getitem__(self, key: str) -> ContextValue:
        return self._known()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known())

    def __len__(self) -> int:
        return len(self._known())


def facts_of(one: Secret, arn: str) -> dict[str, ContextValue]:
    """The condition keys that a secret brings: its tags in both spellings, and what is attached to it."""
    facts: dict[str, ContextValue] = {"secretsmanager:secretid": arn}
    if one.tags is not None:
        facts.update(tag_facts(one.tag_list))
    if one.primary_region is not None:
        facts["secretsmanager:secretprimaryregion"] = one.primary_region
    if one.rotation_lambda_arn is not None:
        facts["secretsmanager:resource/allowrotationlambdaarn"] = one.rotation_lambda_arn
    if one.type is not None:
        facts["secretsmanager:resource/type"] = one.type
    return facts


def tag_facts(tags: list[dict[str, str]]) -> dict[str, ContextValue]:
    """aws:ResourceTag and secretsmanager:ResourceTag of each tag."""
    pairs = [(one["Key"], one["Value"]) for one in tags]
    return by_name("aws:resourcetag/", pairs) | by_name("secretsmanager:resourcetag/", pairs)


def tags_of(tx: Transaction, arn: str) -> dict[str, str]:
    """As the registry's TagsOf: of secrets, for reports."""
    parts = arn.split(":")
    if len(parts) != 7 or parts[2] != "secretsmanager":
        return {}
    found = store.secrets.find_secret(tx, read_secret_id(arn, account=parts[4], region=parts[3]))
    return {} if found is None else {one["Key"]: one.get("Value", "") for one in found.tag_list}
