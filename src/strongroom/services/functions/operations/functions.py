"""Functions as such: made, shown, listed, changed, deleted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from strongroom.base.clock import to_ms
from strongroom.base.entropy import uuid4
from strongroom.kernel.authz.model import ContextValue
from strongroom.kernel.call import Answer, Call, Target
from strongroom.kernel.passing import pass_role
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.functions import errors, sealed
from strongroom.services.functions.configuring import checked_settings, defaults, settled
from strongroom.services.functions.publishing import publish
from strongroom.services.functions.room import ROOM
from strongroom.services.functions.rules.code import check_zip, fingerprint
from strongroom.services.functions.rules.environment import check_environment
from strongroom.services.functions.rules.identifiers import LATEST
from strongroom.services.functions.shown import configuration
from strongroom.services.functions.store import functions as store
from strongroom.services.functions.store.tables import Function, Version
from strongroom.services.functions.targets import POLICY_KIND, Found, function_at, new_function_at

SERVICE_PRINCIPAL = "lambda.amazonaws.com"
LISTED_AT_ONCE = 50
SHOWN = ("FunctionName", "FunctionArn", "Runtime", "Role", "Handler", "Version", "RevisionId")
RESOURCE_TYPE = "AWS::Lambda::Function"


def request_keys(call: Call, target: Target) -> Mapping[str, ContextValue]:  # noqa: ARG001
    """Condition keys of requests about a function. Source: Service Authorization Reference, AWS Lambda."""
    keys: dict[str, ContextValue] = {}
    if "Layers" in call.params:
        keys["lambda:layer"] = tuple(call["Layers"])
    vpc = call.get("VpcConfig", {})
    for member, key in (("SecurityGroupIds", "lambda:securitygroupids"), ("SubnetIds", "lambda:subnetids")):
        if vpc.get(member):
            keys[key] = tuple(vpc[member])
    if call.get("Tags"):
        keys.update({f"aws:requesttag/{key.lower()}": value for key, value in call["Tags"].items()})
        keys["aws:tagkeys"] = tuple(call["Tags"])
    return keys


@ROOM.operation(
    "CreateFunction",
    mode=Mode.SLOW_WRITE,
    locate=new_function_at,
    keys=request_keys,
    shown=SHOWN,
    resource_type=RESOURCE_TYPE,
)
def create_function(call: Call, _: Any, tx: Transaction) -> Answer:
    """Store a function whose code comes as a zip. It is active at once.

    Source: API reference, CreateFunction; facts lambda-and-others, section 1.2.
    """
    name = call.target.arn.rpartition(":")[2] if call.target else ""
    arn = f"arn:aws:lambda:{call.region}:{call.account}:function:{name}"
    if call.target is None or call.target.account != call.account:
        raise errors.no_such_function(call["FunctionName"])  # functions are made in one's own account
    settings = checked_settings(call, tx, defaults(name) | settled(call.params))
    variables = call.get("Environment", {}).get("Variables", {})
    check_environment(variables)
    packed = code_given(call, call["Code"])
    hand_over_role(call, tx, settings["Role"], arn)
    if store.find(tx, call.account, call.region, name) is not None:
        raise errors.ResourceConflictException(f"Function already exist: {name}")
    function = store.add(tx, call.account, call.region, name, call.get("Tags", {}))
    store.add_version(
        tx,
        function.pk,
        0,
        {
            "revision": uuid4(call.kernel.entropy),
            "changed_ms": to_ms(call.now),
            "config": orjson.dumps(settings).decode(),
            "environment": sealed.seal_environment(call.kernel.keyring, variables, function.arn) if variables else None,
            **stored_code(call, tx, packed),
        },
    )
    latest = store.version_at(tx, function.pk, 0)
    if call.get("Publish"):
        latest = publish(call, tx, function, description=None)
    return configuration(call, function, _there(latest), qualified=False)


def code_given(call: Call, code: Mapping[str, Any]) -> bytes:
    """The zip of a request. Raises where the code is to be fetched from elsewhere, or is no zip."""
    if code.get("SourceKMSKeyArn"):
        raise errors.invalid("SourceKMSKeyArn is not offered: code is sealed under Strongroom's own root key.")
    packed = code.get("ZipFile")
    if packed is None:
        raise errors.invalid("Please provide the code as ZipFile: S3 and container images are not offered.")
    call.once("checked", lambda: check_zip(packed))
    return bytes(packed)


def stored_code(call: Call, tx: Transaction, packed: bytes) -> dict[str, Any]:
    """Seal and store a zip; the columns of a version that say so."""
    sha256 = call.once("sha256", lambda: fingerprint(packed))
    keyring = call.kernel.keyring
    # Named by the root: one that replaces it meanwhile must find the code under itself.
    ciphertext = call.once(("sealed code", keyring.newest_id), lambda: sealed.seal_code(keyring, packed, sha256))
    return {"code_pk": store.add_code(tx, ciphertext), "code_sha256": sha256, "code_size": len(packed)}


def hand_over_role(call: Call, tx: Transaction, role: str, arn: str) -> None:
    """The caller may pass the role to Lambda, and the role trusts Lambda."""
    pass_role(
        call,
        tx,
        role,
        service=SERVICE_PRINCIPAL,
        refused=errors.invalid(errors.NOT_ASSUMABLE),
        associated=arn,
    )


@ROOM.operation("GetFunction", mode=Mode.READ, locate=function_at)
def get_function(call: Call, found: Found, tx: Transaction) -> Answer:  # noqa: ARG001
    """A function's configuration, tags and concurrency. Code has no place to fetch it from here (README).

    Source: API reference, GetFunction.
    """
    function = found.function
    answer: dict[str, Any] = {
        "Configuration": _shown(call, found),
        "Code": {"RepositoryType": "S3"},
    }
    if function.tag_map:
        answer["Tags"] = function.tag_map
    if function.reserved is not None:
        answer["Concurrency"] = {"ReservedConcurrentExecutions": function.reserved}
    return answer


@ROOM.operation("GetFunctionConfiguration", mode=Mode.READ, locate=function_at)
def get_function_configuration(call: Call, found: Found, tx: Transaction) -> Answer:  # noqa: ARG001
    """One version's configuration. Source: API reference, GetFunctionConfiguration."""
    return _shown(call, found)


def _shown(call: Call, found: Found) -> dict[str, Any]:
    shown = configuration(call, found.function, found.version, qualified=False)
    if found.ref.qualifier is not None:
        shown["FunctionArn"] = found.ref.arn
    return shown


@ROOM.operation("GetFunctionCodeSigningConfig", mode=Mode.READ, locate=function_at)
def get_function_code_signing_config(call: Call, found: Found, tx: Transaction) -> Answer:  # noqa: ARG001
    """That there is none: Terraform asks for it whenever it reads a function."""
    return {"CodeSigningConfigArn": "", "FunctionName": found.function.name}


@ROOM.operation("ListFunctions", mode=Mode.SLOW)
def list_functions(call: Call, _: Any, tx: Transaction) -> Answer:
    """Functions by name, without their environments; with all versions where FunctionVersion is ALL.

    Source: API reference, ListFunctions: at most 50 at once. Our choice: an environment is shown by
    GetFunctionConfiguration alone, which decides for that one function; AWS shows it here too.
    """
    most = min(call.get("MaxItems", LISTED_AT_ONCE), LISTED_AT_ONCE)
    found = store.page(tx, call.account, call.region, after=call.get("Marker", ""), most=most + 1)
    listed = []
    for function in found[:most]:
        wanted = (
            store.versions(tx, function.pk, after=-1, most=10_000)
            if call.get("FunctionVersion") == "ALL"
            else [_there(store.version_at(tx, function.pk, 0))]
        )
        listed += [
            configuration(call, function, one._replace(environment=None), qualified=len(wanted) > 1) for one in wanted
        ]
    answer: dict[str, Any] = {"Functions": listed}
    if len(found) > most:
        answer["NextMarker"] = found[most - 1].name
    return answer


@ROOM.operation(
    "UpdateFunctionCode", mode=Mode.SLOW_WRITE, locate=function_at, shown=SHOWN, resource_type=RESOURCE_TYPE
)
def update_function_code(call: Call, found: Found, tx: Transaction) -> Answer:
    """Replace the code of $LATEST. Source: API reference, UpdateFunctionCode."""
    function, latest = found.function, found.version
    refuse_revision(call, latest)
    packed = code_given(call, call.params)
    settings = latest.settings
    if "Architectures" in call.params:
        settings = checked_settings(call, tx, settings | {"Architectures": call["Architectures"]})
    if call.get("DryRun"):
        return configuration(call, function, latest, qualified=False)
    changed = _changed(call, tx, latest, settings=settings, environment=latest.environment, code=packed)
    if call.get("Publish"):
        changed = publish(call, tx, function, description=None)
    return configuration(call, function, changed, qualified=False)


@ROOM.operation(
    "UpdateFunctionConfiguration",
    mode=Mode.SLOW_WRITE,
    locate=function_at,
    keys=request_keys,
    shown=SHOWN,
    resource_type=RESOURCE_TYPE,
)
def update_function_configuration(call: Call, found: Found, tx: Transaction) -> Answer:
    """Change the configuration of $LATEST. A role that is named is passed anew.

    Source: API reference, UpdateFunctionConfiguration.
    """
    function, latest = found.function, found.version
    refuse_revision(call, latest)
    settings = checked_settings(call, tx, latest.settings | settled(call.params))
    environment = latest.environment
    if "Environment" in call.params:
        variables = call["Environment"].get("Variables", {})
        check_environment(variables)
        environment = sealed.seal_environment(call.kernel.keyring, variables, function.arn) if variables else None
    if "Role" in call.params:
        hand_over_role(call, tx, settings["Role"], function.arn)
    changed = _changed(call, tx, latest, settings=settings, environment=environment, code=None)
    return configuration(call, function, changed, qualified=False)


def refuse_revision(call: Call, version: Version) -> None:
    """Raise where the caller goes by another revision than there is."""
    if call.get("RevisionId") not in (None, version.revision):
        raise errors.PreconditionFailedException(errors.REVISION_DIFFERS)


def _changed(
    call: Call,
    tx: Transaction,
    latest: Version,
    *,
    settings: Mapping[str, Any],
    environment: bytes | None,
    code: bytes | None,
) -> Version:
    values = {
        "revision": uuid4(call.kernel.entropy),
        "changed_ms": max(to_ms(call.now), latest.changed_ms + 1),
        "config": orjson.dumps(dict(settings)).decode(),
        "environment": environment,
        "code_pk": latest.code_pk,
        "code_sha256": latest.code_sha256,
        "code_size": latest.code_size,
        **({} if code is None else stored_code(call, tx, code)),
    }
    store.change_latest(tx, latest.function_pk, values)
    if code is not None:
        store.drop_unused_code(tx, latest.code_pk)
    return latest._replace(**values)


@ROOM.operation("DeleteFunction", mode=Mode.WRITE, locate=function_at, resource_type=RESOURCE_TYPE)
def delete_function(call: Call, found: Found, tx: Transaction) -> Answer:  # noqa: ARG001
    """Delete a function with all its versions, or one version that no alias names.

    Source: API reference, DeleteFunction; facts lambda-and-others, section 1.1 (204 in practice).
    """
    function, qualifier = found.function, found.ref.qualifier
    if qualifier == LATEST:
        raise errors.invalid(errors.LATEST_STAYS)
    if qualifier is None:
        store.purge(tx, function.pk)
        tx.raise_generation(function.account, POLICY_KIND)
        return {"StatusCode": 204}
    if not qualifier.isdigit():
        raise errors.invalid("A version is deleted by its number; an alias with DeleteAlias.")  # our choice of words
    _refuse_named(tx, function, found.version)
    store.drop_version(tx, function.pk, found.version.number)
    store.put_policy(tx, function.pk, qualifier, None, "")
    store.drop_unused_code(tx, found.version.code_pk)
    tx.raise_generation(function.account, POLICY_KIND)
    return {"StatusCode": 204}


def _refuse_named(tx: Transaction, function: Function, version: Version) -> None:
    named = [one.name for one in store.aliases(tx, function.pk, after="", most=10_000) if one.number == version.number]
    if named:
        raise errors.ResourceConflictException(
            f"Version {version.number} is referenced by the alias {named[0]}."  # our choice of words
        )


def _there(version: Version | None) -> Version:
    if version is None:
        raise LookupError("a function without $LATEST")
    return version
