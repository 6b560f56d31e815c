"""Secrets as such: CreateSecret, DescribeSecret, UpdateSecret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from strongroom.base.clock import to_ms
from strongroom.base.entropy import pick
from strongroom.base.refusals import Answerable
from strongroom.kernel.call import Answer, Call, Target
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.secretsmanager import envelopes, errors, store
from strongroom.services.secretsmanager.conditions import request_keys, request_tags
from strongroom.services.secretsmanager.gathering import Ahead, Gathering
from strongroom.services.secretsmanager.operations.replicas import replicate
from strongroom.services.secretsmanager.operations.values import case_of_token, write_value
from strongroom.services.secretsmanager.quotas import count_one_more
from strongroom.services.secretsmanager.room import ROOM, change_ms, on_secret
from strongroom.services.secretsmanager.rules import keys, labels
from strongroom.services.secretsmanager.rules.identifiers import (
    SUFFIX_ALPHABET,
    SUFFIX_LENGTH,
    SecretRef,
    check_name,
    secret_arn,
)
from strongroom.services.secretsmanager.rules.tags import check_tags, owner_of
from strongroom.services.secretsmanager.rules.tokens import Token
from strongroom.services.secretsmanager.rules.values import token_problem, value_of, value_problem
from strongroom.services.secretsmanager.shown import described, replication_status
from strongroom.services.secretsmanager.store import Secret
from strongroom.services.secretsmanager.targets import tag_facts


def _value_problem(params: Mapping[str, Any]) -> Answerable | None:
    return token_problem(params) or value_problem(params, required=False)


def secret_to_be(call: Call, tx: Transaction) -> Target:  # noqa: ARG001
    """The locator of CreateSecret: the future ARN, with its six characters drawn now; ``found`` is those.

    The tags that the secret is to have count as its tags (facts: secretsmanager 11.2, row CreateSecret).
    """
    name = check_name(call["Name"])
    suffix = pick(call.kernel.entropy, SUFFIX_ALPHABET, SUFFIX_LENGTH)
    problem = _value_problem(call.params)
    given = [one for one in call.get("Tags", ()) if one.get("Key")]
    return Target(
        arn=secret_arn(call.account, call.region, name, suffix),
        account=call.account,
        named=name,
        found=None if problem else suffix,
        missing=problem,
        facts=tag_facts([{"Key": one["Key"], "Value": one.get("Value", "")} for one in given]),
    )


def _create_foreseen(call: Call, target: Target) -> bool:
    """Whether a secret is the plain case: in one Region, with nothing wrong in its request."""
    return target.found is not None and call.params.keys().isdisjoint(("AddReplicaRegions", "CrossAccountPrimaryARN"))


@ROOM.operation(
    "CreateSecret",
    mode=Mode.WRITE,
    locate=secret_to_be,
    keys=request_keys("CreateSecret"),
    shown=("ARN",),
    foreseen=_create_foreseen,
)
def create_secret(call: Call, suffix: str, tx: Transaction) -> Answer:
    """Make a secret, with a first version if a value is given.

    Source: API reference, CreateSecret; facts secretsmanager sections 5 and 6.1.
    """
    if call.get("CrossAccountPrimaryARN"):
        # DIFFERS: replication between accounts
        raise errors.InvalidParameterException("Replication between accounts is not offered.")
    name = call["Name"]
    gathering = call.ahead
    existing = None
    if gathering is None:
        existing = store.secrets.find_secret(tx, SecretRef(call.account, call.region, name))
    if existing is not None:
        return _created_before(call, tx, existing)
    tags = check_tags(call.get("Tags", ()), by_service=call.invoked_by is not None)
    owner = owner_of(tags, call.invoked_by)
    if tags and call.target is not None:
        call.authorise(tx, "secretsmanager:TagResource", call.target, request_tags(tags))
    if isinstance(gathering, Gathering | Ahead):
        return gathering.take(call, tx, suffix, tags)
    count_one_more(call, tx, account=call.account, region=call.region)
    one = _worked_out(call, suffix, owner, tags)
    if call.get("KmsKeyId"):
        prove_key(call, tx, one, "secretsmanager:CreateSecret", request_keys("CreateSecret"))
    answer: dict[str, Any] = {"ARN": one.arn, "Name": one.name}
    made, value = None, value_of(call.params)
    if value is not None:
        answer["VersionId"] = version_id = call["ClientRequestToken"]
        sealed, wrapped = envelopes.seal(call, tx, one, version_id, value[1])
        made = {"version_id": version_id, "form": value[0], "sealed": sealed, "wrapped": wrapped}
    # Its rows come last: whoever foresees a change takes no look behind it.
    store.creation.add(tx, one, made, tags)
    if call.get("AddReplicaRegions") and call.target is not None:
        keys_of_it = request_keys("ReplicateSecretToRegions")(call, call.target)
        call.authorise(tx, "secretsmanager:ReplicateSecretToRegions", call.target, keys_of_it)
        stored = store.secrets.find_secret(tx, SecretRef(one.account, one.region, one.name))
        if stored is None:
            raise RuntimeError("a secret that was just stored is not there")
        replicate(call, stored, tx)
        answer["ReplicationStatus"] = replication_status(tx, stored.pk)
    return answer


def _worked_out(call: Call, suffix: str, owner: str | None, tags: Sequence[Mapping[str, str]]) -> Secret:
    """The secret that a request asks for, without its number."""
    moment = to_ms(call.now)
    return store.creation.to_be(
        account=call.account,
        region=call.region,
        name=call["Name"],
        suffix=suffix,
        created_ms=moment,
        changed_ms=moment,
        kms_key_id=keys.stored_key(call.get("KmsKeyId"), account=call.account, region=call.region),
        owning_service=owner,
        type=call.get("Type") or None,
        tags=orjson.dumps(list(tags)).decode() if tags else None,
        description=call.get("Description") or None,
    )


def _created_before(call: Call, tx: Transaction, one: Secret) -> Answer:
    """The answer where the name is taken: the first answer again for a repeated request, else a refusal."""
    if one.deleted_ms is not None:
        raise errors.InvalidRequestException(errors.NAME_SCHEDULED)
    value, token = value_of(call.params), call["ClientRequestToken"]
    version = store.versions.version_by_id(tx, one.pk, token)
    if version is None or value is None:
        raise errors.name_in_use(one.name)
    match case_of_token(call, tx, one, version, value):
        case Token.REPEATS:
            return {"ARN": one.arn, "Name": one.name, "VersionId": token}
        case _:
            raise errors.token_in_use(token, one.arn)


@on_secret("DescribeSecret", mode=Mode.READ, steady=True)
def describe_secret(call: Call, one: Secret, tx: Transaction) -> Answer:  # noqa: ARG001
    """Answer with everything about a secret but its values.

    Source: API reference, DescribeSecret; facts aws-observed, "exact answer members".
    """
    answer = described(one)
    stages = labels.by_version(store.versions.labels_of(tx, one.pk))
    if stages:
        answer["VersionIdsToStages"] = stages
    if one.primary_region == one.region:
        answer["ReplicationStatus"] = replication_status(tx, one.pk)
    return answer


@on_secret("UpdateSecret", mode=Mode.WRITE, check=_value_problem)
def update_secret(call: Call, one: Secret, tx: Transaction) -> Answer:
    """Change description, KMS key or type, and store a new current version if a value is given.

    With nothing but a SecretId it succeeds and changes nothing.
    Source: API reference, UpdateSecret; facts secretsmanager sections 6.3 and 7.
    """
    has_value = value_of(call.params) is not None
    if one.primary_pk is not None and (has_value or call.params.keys() & {"Description", "Type"}):
        raise errors.InvalidParameterException(errors.ON_REPLICA)
    changes: dict[str, Any] = {
        column: call[member] or None
        for member, column in (("Description", "description"), ("Type", "type"))
        if member in call.params
    }
    if "KmsKeyId" in call.params:
        one = _under_key(call, tx, one)
    elif has_value:
        envelopes.refuse_foreign_default(call, one)
    if changes:
        one = one._replace(changed_ms=change_ms(call, one))
        store.secrets.change_secret(tx, one.pk, changed_ms=one.changed_ms, **changes)
    answer = {"ARN": one.arn, "Name": one.name}
    if has_value:
        write_value(call, tx, one)
        answer["VersionId"] = call["ClientRequestToken"]
    return answer


def _under_key(call: Call, tx: Transaction, one: Secret) -> Secret:
    """The secret with its new KMS key; versions labelled by AWS's own labels are wrapped under it too."""
    key_id = keys.stored_key(call["KmsKeyId"], account=one.account, region=one.region)
    changed = one._replace(kms_key_id=key_id, changed_ms=change_ms(call, one))
    envelopes.refuse_foreign_default(call, changed)
    prove_key(call, tx, changed, "secretsmanager:UpdateSecret", request_keys("UpdateSecret"))
    if key_id == one.kms_key_id:
        return one
    store.secrets.change_secret(tx, one.pk, kms_key_id=key_id, changed_ms=changed.changed_ms)
    for copied in store.replicas.replicas_of(tx, one.primary_pk) if one.primary_pk is not None else ():
        if copied.region == one.region:
            store.replicas.set_replica(tx, copied._replace(kms_key_id=key_id))
    held = store.versions.labels_of(tx, one.pk)
    for version_id in sorted(
        {held[name] for name in (labels.CURRENT, labels.PENDING, labels.PREVIOUS) if name in held}
    ):
        version = store.versions.version_by_id(tx, one.pk, version_id)
        if version is not None:
            envelopes.wrap_again(call, tx, changed, version)
    return changed


def prove_key(call: Call, tx: Transaction, one: Secret, action: str, request: Any) -> None:
    """Prove the caller's rights on the key being set, and decide again once an alias is resolved.

    Without that, a Deny on secretsmanager:KmsKeyArn could be passed by naming the key by an alias.
    """
    arn = envelopes.prove_access(call, tx, one)
    target = call.target
    if target is None:
        raise RuntimeError("a key is set without a target")
    known = request(call, target)
    # DIFFERS: alias keys in conditions.
    if known.get("secretsmanager:kmskeyarn") != arn:
        call.authorise(tx, action, target, {**known, "secretsmanager:kmskeyarn": arn})
