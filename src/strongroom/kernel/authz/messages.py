"""AWS's sentences for a refused call.

Source: IAM User Guide, "Troubleshoot access denied error messages"; recorded answers (facts: iam, section 9).
"""

from __future__ import annotations

from strongroom.kernel.authz.model import Decision, Outcome

# kind of policy: what it is called where it lacks an Allow, and where it denies
_NAMES = {
    "identity": ("identity-based policy", "an identity-based policy"),
    "resource": ("resource-based policy", "a resource-based policy"),
    "key": ("resource-based policy", "a resource-based policy"),
    "grant": ("resource-based policy", "a resource-based policy"),  # one that cannot be read back denies
    "boundary": ("permissions boundary", "a permissions boundary"),
    "session": ("session policy", "a sessions policy"),  # AWS's own plural
    "trust": ("role trust policy", "the role trust policy"),
}
_WITH_POLICY_ARN = frozenset({"identity", "boundary", "session"})
_RESOURCES_OWN = frozenset({"resource", "key", "grant"})
_BARE = "sts:AssumeRole"
_UNSIGNED = frozenset({"sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML"})


def denial_text(
    decision: Decision,
    *,
    named: str | None,
    where: str | None = None,
    unseen: str | None = None,
    policy_arns: bool = False,
) -> str:
    """The AccessDenied sentence: who may not do what, on what, and which kind of policy is the cause.

    ``named`` is how the resource is printed: None prints the request's own ARN, "" leaves the clause out.
    ``where`` stands in place of that whole clause (KMS: ``on this resource``), ``unseen`` in place of the cause
    where it is the resource's own policy that does not allow (KMS does not tell a missing key from a closed one).
    ``policy_arns`` appends the ARN of a managed policy that denies, as AWS does since 2026 in some services.
    sts prints no cause, and no caller where there is none.
    """
    request = decision.request
    if request.action in _UNSIGNED:
        return f"Not authorized to perform {request.action}"
    resource = request.resource if named is None else named
    clause = f" {where}" if where is not None else f" on resource: {resource}" if resource else ""
    said = f"User: {request.principal.arn} is not authorized to perform: {request.action}{clause}"
    if request.action == _BARE:
        return said
    if unseen is not None and decision.kind in _RESOURCES_OWN:
        return f"{said} {unseen}"
    return f"{said} {context_text(decision)}{_policy_arn(decision) if policy_arns else ''}"


def context_text(decision: Decision) -> str:
    """Why: ``because no identity-based policy allows the kms:Decrypt action`` and its kin.

    Raises KeyError for an allowed decision that no kind of policy is the cause of.
    """
    lacking, denying = _NAMES[decision.kind]
    if decision.outcome is Outcome.EXPLICIT_DENY:
        return f"with an explicit deny in {denying}"
    return f"because no {lacking} allows the {decision.request.action} action"


def _policy_arn(decision: Decision) -> str:
    """Only managed policies have an ARN; policies of resources are not named to the caller."""
    if decision.outcome is not Outcome.EXPLICIT_DENY or decision.kind not in _WITH_POLICY_ARN:
        return ""
    label = decision.matches[0].label
    return f": {label}" if label.startswith("arn:") else ""
