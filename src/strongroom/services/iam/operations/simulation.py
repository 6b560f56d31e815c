"""What would be decided: simulated requests against policies given or held. Nothing is called and nothing changes.

Source: API reference, SimulateCustomPolicy, SimulatePrincipalPolicy, GetContextKeysFor...; facts, iam, section 13.
Our choice: one result for each action and resource; a list type of several resources is not merged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from strongroom.base.classes import dataclass
from strongroom.base.clock import iso_seconds
from strongroom.base.names import is_account_id, parse_arn
from strongroom.kernel.authz.decide import decide
from strongroom.kernel.authz.document import Document, DocumentKind, PolicyError, load_document, parse_document
from strongroom.kernel.authz.model import ContextValue, Decision, Match, Policies, Request, ResourceRule
from strongroom.kernel.authz.principal import Principal, PrincipalKind
from strongroom.kernel.call import Answer, Call, Target
from strongroom.kernel.registry import Mode, everything
from strongroom.kernel.storage.port import Transaction
from strongroom.services.iam import managed, targets
from strongroom.services.iam.errors import InvalidInputException, no_such
from strongroom.services.iam.room import operation
from strongroom.services.iam.rules import paging, simulation
from strongroom.services.iam.rules.names import AWS, GROUP, ROLE, USER, Entity, parse_entity_arn
from strongroom.services.iam.store import entities, holdings, policies, tags

_MOST_RESULTS = 10_000


@dataclass(frozen=True, slots=True)
class _Source:
    """One document, and how MatchedStatements name it. ``document.label`` is unique among those of a request."""

    document: Document
    name: str
    kind: str


def at_source(call: Call, tx: Transaction) -> Target:
    """The user, group or role of ``PolicySourceArn``."""
    name = parse_entity_arn(call["PolicySourceArn"])
    if name is None or name.kind not in (USER, GROUP, ROLE):
        raise InvalidInputException("Invalid Entity Arn: the policy source must be a user, group or role.")
    found = entities.find(tx, name.account, name.kind, name.name) if name.account == call.account else None
    if found is None or found.arn != call["PolicySourceArn"]:
        missing = no_such(name.kind.word, name.name)
        return Target(arn=call["PolicySourceArn"], account=call.account, missing=missing)
    return targets.entity_target(tx, found)


@operation("SimulateCustomPolicy", mode=Mode.SLOW, locate=everything)
def simulate_custom_policy(call: Call, found: None, tx: Transaction) -> Answer:  # noqa: ARG001
    """Decisions by the policies of the request alone."""
    if call.get("OrderedOrganizationPolicyInputList"):
        raise InvalidInputException("There are no organizations here.")
    caller = _caller(call, None)
    return _simulated(call, _given(call), _boundary_given(call), caller, {})


@operation("SimulatePrincipalPolicy", mode=Mode.SLOW, locate=at_source)
def simulate_principal_policy(call: Call, source: Entity, tx: Transaction) -> Answer:
    """Decisions by the policies that a user, group or role holds, and by those of the request."""
    if call.get("PolicyExclusionList"):
        raise InvalidInputException("PolicyExclusionList is not offered.")
    boundary = _boundary_given(call)
    if boundary is None and source.boundary is not None:
        boundary = _managed(tx, call.account, source.boundary)
    held = tags.of(tx, source.id)
    context: dict[str, ContextValue] = {"aws:principalarn": source.arn, "aws:principalaccount": source.account}
    context |= {f"aws:principaltag/{key.lower()}": value for key, value in held.items()}
    if source.kind is USER:
        context |= {"aws:username": source.name, "aws:userid": source.id}
    sources = [*_held(tx, source), *_given(call)]
    return _simulated(call, sources, boundary, _caller(call, source), context)


@operation("GetContextKeysForCustomPolicy", mode=Mode.READ, locate=everything)
def get_context_keys_for_custom_policy(call: Call, found: None, tx: Transaction) -> Answer:  # noqa: ARG001
    """The condition keys that the policies of the request use."""
    return _keys_of(_given(call))


@operation("GetContextKeysForPrincipalPolicy", mode=Mode.READ, locate=at_source)
def get_context_keys_for_principal_policy(call: Call, source: Entity, tx: Transaction) -> Answer:
    """The condition keys that the policies of a user, group or role use, and those of the request."""
    return _keys_of([*_held(tx, source), *_given(call)])


def _keys_of(sources: Sequence[_Source]) -> Answer:
    keys = dict.fromkeys(key for one in sources for key in simulation.keys_in(one.document.text))
    return {"ContextKeyNames": list(keys)}


# ---------------------------------------------------------------------- the policies that have a say


def _given(call: Call) -> list[_Source]:
    return [
        _Source(_parsed(text, DocumentKind.IDENTITY, f"PolicyInputList.{at}"), f"PolicyInputList.{at}", "none")
        for at, text in enumerate(call.get("PolicyInputList", ()), 1)
    ]


def _boundary_given(call: Call) -> Document | None:
    given = call.get("PermissionsBoundaryPolicyInputList", ())
    if len(given) > 1:
        raise InvalidInputException("There can be only one permissions boundary.")
    name = "PermissionsBoundaryPolicyInputList.1"
    return _parsed(given[0], DocumentKind.IDENTITY, name) if given else None


def _parsed(text: str, kind: DocumentKind, label: str) -> Document:
    try:
        return parse_document(text, kind, label)
    except PolicyError as fault:
        raise InvalidInputException(f"{label}: {fault}") from None


def _held(tx: Transaction, source: Entity) -> list[_Source]:
    found = []
    for holder, name, text in holdings.inline_with_groups(tx, source.id):
        document = load_document(text, DocumentKind.IDENTITY, f"{holder}/{name}")
        found.append(_Source(document, name, source.kind.word if holder == source.id else GROUP.word))
    for arn in holdings.attached_with_groups(tx, source.id):
        of = parse_entity_arn(arn)
        kind = "aws-managed" if of is not None and of.account == AWS else "user-managed"
        found.append(_Source(_managed(tx, source.account, arn), arn.rpartition("/")[2], kind))
    return found


def _managed(tx: Transaction, account: str, arn: str) -> Document:
    """The document in force of a managed policy. One that is gone allows nothing: it reads as no JSON."""
    name = parse_entity_arn(arn)
    if name is not None and name.account == AWS:
        document = managed.document(arn)
        if document is not None:
            return document
    text = policies.default_document(tx, name) if name is not None and name.account == account else None
    return load_document(text or "", DocumentKind.IDENTITY, arn)


# ---------------------------------------------------------------------- who asks, for what


def _caller(call: Call, source: Entity | None) -> Principal:
    """Who asks: CallerArn, else the source. Source: API reference: CallerArn is a user; needed with a
    resource policy where the source is no user.
    """
    arn = call.get("CallerArn")
    if arn is None and source is not None and source.kind is USER:
        arn = source.arn
    if arn is None:
        if call.get("ResourcePolicy") is not None:
            raise InvalidInputException("CallerArn must be given with a resource policy.")
        arn = f"arn:aws:iam::{call.account}:user/simulated" if source is None else source.arn
    elif (name := parse_entity_arn(arn)) is None or name.kind is not USER:
        raise InvalidInputException("Invalid Entity Arn: the caller must be a user.")
    parts = parse_arn(arn)
    account = call.account if parts is None else parts.account
    return Principal(PrincipalKind.USER, arn=arn, account=account, entity_arn=arn)


def _owner(call: Call, arn: str) -> str:
    owner = call.get("ResourceOwner")
    if owner is not None:
        parts = parse_arn(owner)
        account = owner if parts is None else parts.account
    else:
        parts = parse_arn(arn)
        account = call.account if parts is None or not parts.account else parts.account
    return account if is_account_id(account) else call.account


def _simulated(
    call: Call,
    sources: Sequence[_Source],
    boundary: Document | None,
    caller: Principal,
    known: dict[str, ContextValue],
) -> Answer:
    actions, resources = call["ActionNames"], call.get("ResourceArns") or ["*"]
    if len(actions) * len(resources) > _MOST_RESULTS:
        raise InvalidInputException(f"More than {_MOST_RESULTS} actions and resources cannot be simulated at once.")
    for action in actions:
        simulation.refuse_action(action)
    now = call.now
    context: dict[str, ContextValue] = {
        "aws:currenttime": iso_seconds(now),
        "aws:epochtime": str(int(now.timestamp())),
    }
    context |= known | simulation.entered(call.get("ContextEntries"))
    text = call.get("ResourcePolicy")
    own = None if text is None else _parsed(text, DocumentKind.RESOURCE, "ResourcePolicy")
    listed = [*sources] + ([] if own is None else [_Source(own, "ResourcePolicy", "resource")])
    by_label = {one.document.label: one for one in listed}
    documents = tuple(one.document for one in sources)

    def evaluated(asked: tuple[int, str, str]) -> dict[str, Any]:
        _, action, resource = asked
        request = Request(caller, action, resource, _owner(call, resource), context)
        rule = ResourceRule.NONE if own is None else ResourceRule.UNION
        decision = decide(request, Policies(documents, boundary, None, own, rule))
        return _result(decision, request, boundary, by_label)

    page = paging.asked_page(call)
    pairs = [(at, *pair) for at, pair in enumerate((action, arn) for action in actions for arn in resources)]
    shown = paging.cut(page, pairs, _place)
    return paging.answer_page(call, page, "EvaluationResults", shown, _place, evaluated)


def _place(asked: tuple[int, str, str]) -> str:
    return f"{asked[0]:06d}"


def _result(
    decision: Decision, request: Request, boundary: Document | None, sources: dict[str, _Source]
) -> dict[str, Any]:
    about = [one.document for one in sources.values()] + ([] if boundary is None else [boundary])
    keys = [key for document in about if document.about(request.action) for key in simulation.keys_in(document.text)]
    result: dict[str, Any] = {
        "EvalActionName": request.action,
        "EvalResourceName": request.resource,
        "EvalDecision": decision.outcome.value,
        "MatchedStatements": [
            _statement(sources[match.label], match) for match in decision.matches if match.label in sources
        ],
        "MissingContextValues": simulation.missing_from(request.context, keys),
    }
    if boundary is not None:
        at_home = replace(request, resource_account=request.principal.account)
        alone = decide(at_home, Policies((boundary,), rule=ResourceRule.NONE))
        result["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": alone.allowed}
    return result


def _statement(source: _Source, match: Match) -> dict[str, Any]:
    start, end = simulation.positions(source.document.text, match.index)
    return {
        "SourcePolicyId": source.name,
        "SourcePolicyType": source.kind,
        "StartPosition": start,
        "EndPosition": end,
    }
