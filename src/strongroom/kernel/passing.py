"""A role handed to a service: may the caller pass it, and may the service assume it?

Every room calls this where a parameter names the role that a service will act with. Nothing is handed over
without both answers.
Source: IAM User Guide, "Grant a user permissions to pass a role to an AWS service".
"""

from __future__ import annotations

from strongroom.base.names import parse_arn
from strongroom.base.refusals import Answerable, Kind, Refusal
from strongroom.kernel.authz.context import global_context
from strongroom.kernel.authz.decide import decide
from strongroom.kernel.authz.model import ContextValue, Policies, Request, ResourceRule
from strongroom.kernel.authz.principal import Principal, PrincipalKind
from strongroom.kernel.call import Call, Role, Target
from strongroom.kernel.storage.port import Transaction

PASSING = "iam:PassRole"
ASSUMING = "sts:AssumeRole"


def pass_role(
    call: Call, tx: Transaction, arn: str, *, service: str, refused: Answerable, associated: str | None = None
) -> Role:
    """The role of an ARN, if the caller may pass it to ``service`` (``lambda.amazonaws.com``) and the role lets
    that service assume it.

    ``associated``: the ARN of the resource that the service will act for. ``refused``: what the caller is told, who
    may pass the role, where the role is not there or does not trust the service; each room has words of its own.

    Raises the AccessDenied refusal where the caller may not pass it: decided first, as the caller, with
    iam:PassedToService (and iam:AssociatedResourceArn), so that who may not pass a role does not learn whether it is
    there. Roles of other accounts are never passed. A role's tags do not count: AWS's guide warns that
    ResourceTag cannot be used with PassRole.
    """
    name = parse_arn(arn)
    if name is not None and name.account != call.account:
        raise Refusal(Kind.ACCESS_DENIED, "Cross-account pass role is not allowed.")
    keys: dict[str, ContextValue] = {"iam:passedtoservice": service}
    if associated is not None:
        keys["iam:associatedresourcearn"] = associated
    call.authorise(tx, PASSING, Target(arn=arn, account=call.account, named=arn), keys)
    role = call.kernel.roles.role(tx, arn)
    if role is None or not _trusts(call, role, service, associated):
        raise refused
    return role


def _trusts(call: Call, role: Role, service: str, associated: str | None) -> bool:
    """Whether a role's trust policy names the service, with aws:SourceAccount and aws:SourceArn as it will come."""
    principal = Principal(PrincipalKind.SERVICE, arn=service, account="", name=service)
    context = global_context(
        principal,
        now=call.now,
        source_ip="",
        secure=True,
        user_agent=service,
        region=call.region,
        resource_account=role.account,
    )
    context["aws:sourceaccount"] = role.account
    if associated is not None:
        context["aws:sourcearn"] = associated
    asked = Request(principal, ASSUMING, role.arn, role.account, context)
    return decide(asked, Policies(resource=role.trust, rule=ResourceRule.TRUST)).allowed
