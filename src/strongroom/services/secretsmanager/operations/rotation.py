"""RotateSecret and CancelRotateSecret: how a secret is to be rotated, from when on, and that it no longer is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from strongroom.base.clock import from_ms
from strongroom.base.refusals import Answerable, Kind, Refusal
from strongroom.kernel.call import Answer, Call
from strongroom.kernel.model.errors import ServiceError
from strongroom.kernel.passing import pass_role
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.secretsmanager import envelopes, errors, rotation, store
from strongroom.services.secretsmanager.operations.values import remove_outdated
from strongroom.services.secretsmanager.room import change_ms, on_secret
from strongroom.services.secretsmanager.rules import labels, schedules
from strongroom.services.secretsmanager.store import Secret, rotations

_FUNCTION = re.compile(
    r"arn:aws:lambda:[a-z0-9-]{1,32}:[0-9]{12}:function:[A-Za-z0-9_-]{1,64}(:(\$LATEST|[A-Za-z0-9_-]{1,128}))?"
)


def _problem(params: Mapping[str, Any]) -> Answerable | None:
    """Source: facts aws-observed: RotateSecret alone says InvalidParameterException where the token is missing."""
    if not params.get("ClientRequestToken"):
        return errors.InvalidParameterException(errors.NO_TOKEN)
    try:
        schedules.read_rules(params.get("RotationRules", {}))
    except errors.InvalidParameterException as problem:
        return problem
    return None


@on_secret("RotateSecret", mode=Mode.WRITE, check=_problem)
def rotate_secret(call: Call, one: Secret, tx: Transaction) -> Answer:
    """Store how a secret is to be rotated and begin: a rotation at once, or a test and then the schedule.

    A refused call stores nothing. A repeated token is answered again.
    Source: API reference, RotateSecret; facts secretsmanager section 6.10 and 9.3, aws-observed, "rotation".
    """
    token = call["ClientRequestToken"]
    answer = {"ARN": one.arn, "Name": one.name, "VersionId": token}
    if _is_repeated(tx, one, token):
        return answer
    function = call.get("RotationLambdaARN") or None
    if one.owning_service is None:
        function = function or one.rotation_lambda_arn
        if function is None:
            # DIFFERS: external rotation.
            raise errors.InvalidRequestException(errors.NO_FUNCTION)
        _prove_function(call, tx, one, function)
    elif function is not None:
        raise errors.managed_by(one.owning_service)
    role = call.get("ExternalSecretRotationRoleArn")
    if role is not None:
        unusable = errors.InvalidRequestException("Secrets Manager can't assume the role for external rotation.")
        pass_role(call, tx, role, service="secretsmanager.amazonaws.com", refused=unusable, associated=one.arn)
    if rotation.is_incomplete(store.versions.labels_of(tx, one.pk)):
        raise errors.InvalidRequestException(errors.ROTATION_INCOMPLETE)
    configured = _configure(call, tx, one, function)
    hand = rotation.of_call(call)
    at_once = call.get("RotateImmediately", True)
    remove_outdated(call, tx, one)
    # DIFFERS: retries of rotations.
    rotation.begin(hand, tx, configured, token, test=not at_once)
    if not at_once:
        _copy_current(call, tx, configured, token)
    counted_from = call.now if at_once or one.rotated_ms is None else from_ms(one.rotated_ms)
    rotation.arm(hand, tx, configured, counted_from)
    return answer


@on_secret("CancelRotateSecret", mode=Mode.WRITE)
def cancel_rotate_secret(call: Call, one: Secret, tx: Transaction) -> Answer:
    """Turn rotation off. Function, rules and labels stay as they are.

    Source: API reference, CancelRotateSecret; facts secretsmanager section 6.11. Our choice of text where rotation
    was never configured, and VersionId only where a rotation was under way.
    """
    if one.rotation_enabled is None:
        raise errors.InvalidRequestException("You can't cancel rotation of a secret that has no rotation configured.")
    running = rotation.cancel(rotation.of_call(call), tx, one)
    store.secrets.change_secret(tx, one.pk, rotation_enabled=0, next_rotation_ms=None, changed_ms=change_ms(call, one))
    answer = {"ARN": one.arn, "Name": one.name}
    return answer if running is None else {**answer, "VersionId": running.version_id}


def _copy_current(call: Call, tx: Transaction, one: Secret, token: str) -> None:
    """Give the version of a test the current value, for testSecret reads the version that its token names.

    Where the caller may not use the secret's key, it stays without, and the function says what it makes of that.
    """
    # DIFFERS: tests of rotations.
    current = store.versions.labels_of(tx, one.pk).get(labels.CURRENT)
    version = None if current is None else store.versions.version_by_id(tx, one.pk, current)
    if version is None or version.form is None or (one.kms_key_id is None and call.account != one.account):
        return
    try:
        value = envelopes.unseal(call, tx, one, version)
        made, wrapped = envelopes.seal(call, tx, one, token, value)
    except (ServiceError, Refusal) as refusal:
        if isinstance(refusal, ServiceError) and refusal.http_status >= 500:
            raise
        return
    values = {"form": version.form, "sealed": made, "wrapped": wrapped, "kms_key_id": one.kms_key_id}
    store.versions.fill_version(tx, one.pk, token, values)


def _is_repeated(tx: Transaction, one: Secret, token: str) -> bool:
    """Whether the token is that of a rotation which this very request has begun.

    Raises InvalidRequestException where it names any other version. Our choice of code and text: ResourceExists is
    not among RotateSecret's modelled errors.
    """
    if store.versions.version_by_id(tx, one.pk, token) is None:
        return False
    made = rotations.of_version(tx, one.pk, token)
    if made is None or made.state not in (rotations.PENDING, rotations.SUCCEEDED):
        # DIFFERS: token of a rotation.
        raise errors.InvalidRequestException(errors.token_in_use(token, one.arn).message)
    return True


def _configure(call: Call, tx: Transaction, one: Secret, function: str | None) -> Secret:
    """The secret as it is to be rotated from now on: what the request leaves out stays."""
    values: dict[str, Any] = {"rotation_enabled": 1, "changed_ms": change_ms(call, one)}
    if function is not None:
        values["rotation_lambda_arn"] = function
    if call.get("RotationRules"):
        values["rotation_rules"] = orjson.dumps(call["RotationRules"]).decode()
    if "ExternalSecretRotationMetadata" in call.params:
        values["rotation_metadata"] = orjson.dumps(call["ExternalSecretRotationMetadata"]).decode()
    if "ExternalSecretRotationRoleArn" in call.params:
        values["rotation_role_arn"] = call["ExternalSecretRotationRoleArn"]
    store.secrets.change_secret(tx, one.pk, **values)
    return one._replace(**values)


def _prove_function(call: Call, tx: Transaction, one: Secret, function: str) -> None:
    """Prove that the function is there and may be invoked: by the caller, then by Secrets Manager itself.

    Nothing runs. The caller goes first, so that who may not invoke a function does not learn whether it is there.
    Source: API reference, RotateSecret, "Required permissions"; facts aws-observed, error table.
    """
    if _FUNCTION.fullmatch(function) is None:
        raise _cannot_invoke()
    dry = {"FunctionName": function, "InvocationType": "DryRun"}
    try:
        call.ask(tx, "lambda", "Invoke", **dry)
    except (Refusal, ServiceError) as refusal:
        # The caller's own lack of lambda:InvokeFunction is told as it is.
        raise (refusal if _is_denial(refusal) else _told(refusal)) from None
    try:
        call.act(tx, "lambda", "Invoke", resource=(one.arn, one.account), **dry)
    except (Refusal, ServiceError) as refusal:
        raise _told(refusal) from None


def _told(refusal: Refusal | ServiceError) -> Answerable:
    """What the caller is told where the function cannot be asked: AWS's one text, unless the fault is ours."""
    if isinstance(refusal, ServiceError):
        ours = refusal.http_status >= 500 or refusal.http_status == 429
    else:
        ours = refusal.kind not in (Kind.ACCESS_DENIED, Kind.NOT_OFFERED, Kind.VALIDATION)
    return refusal if ours else _cannot_invoke()


def _is_denial(refusal: Refusal | ServiceError) -> bool:
    return isinstance(refusal, Refusal) and refusal.kind is Kind.ACCESS_DENIED


def _cannot_invoke() -> Refusal:
    return Refusal(Kind.ACCESS_DENIED, errors.CANNOT_INVOKE)
