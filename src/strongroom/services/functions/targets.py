"""What a call is about: the function that a name means, with its resource policy.

Source: facts lambda-and-others, 1.1 and 1.4; Lambda Developer Guide, "Resources and conditions for Lambda actions".
"""

from __future__ import annotations

from strongroom.base.classes import dataclass
from strongroom.base.names import PARTITION
from strongroom.kernel.authz.binding import meant
from strongroom.kernel.authz.document import Document, DocumentKind, load_document
from strongroom.kernel.authz.model import ContextValue
from strongroom.kernel.call import Call, Target
from strongroom.kernel.storage.port import Transaction
from strongroom.services.functions import errors
from strongroom.services.functions.rules.identifiers import LATEST, FunctionRef, read_function
from strongroom.services.functions.store import functions as store
from strongroom.services.functions.store.tables import Function, Version

POLICY_KIND = "functions-policy"


@dataclass(frozen=True, slots=True)
class Found:
    """A function and the version that a request means: $LATEST where it names none."""

    function: Function
    version: Version
    ref: FunctionRef


def function_at(call: Call, tx: Transaction) -> Target:
    """The locator of operations on a function, or on one of its versions or aliases; ``found`` is a Found."""
    ref = read_function(call["FunctionName"], call.get("Qualifier"), account=call.account, region=call.region)
    function = store.find(tx, ref.account, ref.region, ref.name)
    version = None if function is None else version_of(tx, function, ref.qualifier)
    if function is None or version is None:
        return Target(arn=ref.arn, account=ref.account, named=ref.arn, missing=errors.no_such_function(ref.arn))
    return Target(
        arn=ref.arn,
        account=ref.account,
        found=Found(function, version, ref),
        named=ref.arn,
        policy=policy_of(tx, function, ref),
        facts=tag_facts(function.tag_map),
    )


def new_function_at(call: Call, tx: Transaction) -> Target:  # noqa: ARG001
    """The locator of CreateFunction: the ARN that will be."""
    ref = read_function(call["FunctionName"], None, account=call.account, region=call.region)
    return Target(arn=ref.arn, account=ref.account, named=ref.arn)


def version_of(tx: Transaction, function: Function, qualifier: str | None) -> Version | None:
    """The version that a qualifier means: a number, $LATEST, or an alias."""
    if qualifier is None or qualifier == LATEST:
        return store.version_at(tx, function.pk, 0)
    if qualifier.isdigit():
        number = int(qualifier) if len(qualifier) < 10 else 0
        return store.version_at(tx, function.pk, number) if number else None
    found = store.alias_at(tx, function.pk, qualifier)
    return None if found is None else store.version_at(tx, function.pk, found.number)


def policy_of(tx: Transaction, function: Function, ref: FunctionRef) -> Document | None:
    """The compiled resource policy of exactly what was named, kept while no policy of the account changes."""
    qualifier = "" if ref.qualifier in (None, LATEST) else str(ref.qualifier)

    def load() -> Document | None:
        found = store.policy_of(tx, function.pk, qualifier)
        return None if found is None else load_document(meant(found[0]), DocumentKind.RESOURCE, ref.arn)

    return tx.cached(function.account, POLICY_KIND, (POLICY_KIND, function.pk, qualifier), load)


def tag_facts(tags: dict[str, str]) -> dict[str, ContextValue]:
    """aws:ResourceTag of each tag."""
    return {f"aws:resourcetag/{key.lower()}": value for key, value in tags.items()}


def layer_arn(call: Call, name: str) -> str:
    """The ARN of a layer of the caller's."""
    return f"arn:{PARTITION}:lambda:{call.region}:{call.account}:layer:{name}"
