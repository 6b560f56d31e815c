"""Question, material and answer of a decision. Values only; ``decide`` turns the first two into the third."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from enum import Enum
from typing import TYPE_CHECKING

from strongroom.base.values import value_object
from strongroom.kernel.authz.principal import Principal

if TYPE_CHECKING:
    from strongroom.kernel.authz.document import Document

ContextValue = str | tuple[str, ...]
"""A single-valued context key is a string; a multivalued one (aws:TagKeys) a tuple, possibly empty."""


class Spellings(tuple[str, ...]):
    """The values of a single-valued key that was given in more than one spelling: ``Project`` and ``project``.

    Tags of secrets and keys are told apart by case, condition keys are not. A comparison holds where it holds for
    every value and fails where it fails for every value; else it is not understood, so that no Allow rests on it and
    every Deny stands. Our choice: AWS's guide calls the outcome unexpected and says no more.
    """

    __slots__ = ()


def by_name(prefix: str, pairs: Iterable[tuple[str, str]]) -> dict[str, ContextValue]:
    """Context keys ``prefix`` + name of (name, value) pairs whose names are told apart by case."""
    found: dict[str, ContextValue] = {}
    for name, value in pairs:
        key = prefix + name.lower()
        earlier = found.get(key)
        if earlier is None:
            found[key] = value
        else:
            found[key] = Spellings((*((earlier,) if isinstance(earlier, str) else earlier), value))
    return found


class ResourceRule(Enum):
    """What part a resource's own policy plays (facts: iam, sections 4 to 6)."""

    NONE = "the resource has no policy of its own"
    UNION = "in its own account the policy alone may allow"
    KEY = "the policy must allow; a statement for the account root hands the decision to identity policies"
    TRUST = "the policy must allow, and the caller's identity policy too unless the caller is named directly"


@value_object
class Request:
    """May this principal do this action on this resource? All names in canonical form.

    ``action`` as ``secretsmanager:GetSecretValue``; ``resource`` a full ARN or ``*``;
    ``context`` has lower-cased keys, absent keys missing.
    Keys derived from principal, clock and transport are filled by the chain.
    """

    principal: Principal
    action: str
    resource: str
    resource_account: str
    context: Mapping[str, ContextValue] = field(default_factory=dict)


@value_object
class Policies:
    """Everything that has a say. ``None`` means "not set", which restricts nothing (boundary, session).

    ``grants``: the grants on a key that name the caller, as a document of Allows; they are to the caller what
    the same statements in the key's policy would be.
    """

    identity: Sequence[Document] = ()
    boundary: Document | None = None
    session: Sequence[Document] | None = None
    resource: Document | None = None
    rule: ResourceRule = ResourceRule.UNION
    grants: Document | None = None


class Outcome(Enum):
    """SimulatePrincipalPolicy's three words for a decision."""

    ALLOWED = "allowed"
    EXPLICIT_DENY = "explicitDeny"
    IMPLICIT_DENY = "implicitDeny"


@value_object
class Match:
    """One statement that applied.

    In which kind of policy (``identity``, ``resource``, ``boundary``, ``session``, ``trust``,
    ``key``, ``grant``), which document (a label such as an ARN or ``inline:name``), which statement (index and Sid).
    """

    kind: str
    label: str
    index: int
    sid: str | None
    effect: str


@value_object
class Decision:
    """A decision with its reasons. ``kind`` names the kind of policy that denied or lacked an Allow.

    Of an allowed call ``kind`` is what allowed: ``identity``, ``resource``, ``key``, ``grant``, ``trust``, ``root``,
    or ``none`` (no permission needed). ``notes`` say what was not understood and therefore never allowed.
    A call reaches its answer only with a decision that ``allowed``; ``decide`` and ``no_permission_needed``
    are the only makers.
    """

    request: Request
    outcome: Outcome
    kind: str
    matches: tuple[Match, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether the call may go on."""
        return self.outcome is Outcome.ALLOWED
