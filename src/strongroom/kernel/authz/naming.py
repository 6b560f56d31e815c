"""Whom a statement of a resource, key or trust policy speaks of, and how directly it names a caller.

Source: IAM User Guide, "AWS JSON policy elements: Principal", "... NotPrincipal" (facts: iam, section 1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import Enum

from strongroom.base.values import identity_object
from strongroom.kernel.authz.principal import Principal, PrincipalKind

_ACCOUNT = re.compile(r"[0-9]{12}")
_ROOT = re.compile(r"arn:aws:iam::([0-9]{12}):root")
_ENTITY = re.compile(
    r"arn:aws:iam::[0-9]{12}:(?:user|role)/[\x21-\x29\x2b-\x3e\x40-\x7e]+|A(?:IDA|ROA)[A-Z0-9]{12,124}"
)
_SESSION = re.compile(r"arn:aws:sts::[0-9]{12}:(?:assumed-role/[\w+=,.@-]+/|federated-user/)[\w+=,.@-]+")
_SERVICE = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*\.amazonaws\.com")
_PROVIDER = re.compile(
    r"arn:aws:iam::[0-9]{12}:(?:oidc|saml)-provider/[\x21-\x29\x2b-\x3e\x40-\x7e]+"
    r"|[a-z0-9-]+(?:\.[a-z0-9-]+)+"
)
_CANONICAL = re.compile(r"[0-9a-f]{64}")


class Naming(Enum):
    """How an entry names a caller."""

    ANYONE = "everyone"
    ACCOUNT = "the caller's account, as its id or its root"
    ENTITY = "the caller's IAM user or role, as its ARN or unique id"
    SESSION = "the caller's session ARN"
    SERVICE = "the service"
    PROVIDER = "the identity provider that vouches for the caller"

    __hash__ = object.__hash__  # as in PrincipalKind


@identity_object
class Principals:
    """The Principal or (negated) NotPrincipal element of a statement; ``written`` as (type, value) pairs."""

    written: tuple[tuple[str, str], ...]
    negated: bool
    anyone: bool
    accounts: frozenset[str]
    names: frozenset[str]

    def namings(self, principal: Principal, allows: bool) -> Sequence[Naming]:
        """Every way in which the statement speaks of this caller; empty where it does not.

        NotPrincipal with Deny spares a caller only if *each* of its forms is listed (account, user or role,
        session), as AWS demands; with Allow it leaves out whoever has *any* form listed (our choice).
        """
        if not self.negated:
            if self.anyone and not self.names and not self.accounts:
                return _EVERYONE
            found = [naming for naming, form in forms(principal) if self._lists(naming, form)]
            return [Naming.ANYONE, *found] if self.anyone else found
        listed = [self._lists(naming, form) for naming, form in forms(principal)]
        spared = self.anyone or (any(listed) if allows else bool(listed) and all(listed))
        return () if spared else _EVERYONE

    def _lists(self, naming: Naming, form: tuple[str, ...]) -> bool:
        wanted = self.accounts if naming is Naming.ACCOUNT else self.names
        return any(name in wanted for name in form)


_EVERYONE = (Naming.ANYONE,)
_OF_AN_ACCOUNT = frozenset({PrincipalKind.ROOT, PrincipalKind.USER, PrincipalKind.ROLE, PrincipalKind.FEDERATED})
_SESSIONS = frozenset({PrincipalKind.ROLE, PrincipalKind.FEDERATED})


def forms(principal: Principal) -> Iterator[tuple[Naming, tuple[str, ...]]]:
    """The forms under which a caller may be named, each with the spellings that mean it.

    A federated session's ``entity_arn`` and ``unique_id`` are those of the IAM user that asked for it.
    A caller of AssumeRoleWithWebIdentity is ANONYMOUS with its provider's ARN (or host) as ``arn``.
    """
    kind = principal.kind
    if kind in _OF_AN_ACCOUNT:
        yield Naming.ACCOUNT, (principal.account,)
        entity = tuple(f"AWS {name}" for name in (principal.entity_arn, principal.unique_id) if name)
        if kind is not PrincipalKind.ROOT and entity:
            yield Naming.ENTITY, entity
        if kind in _SESSIONS:
            yield Naming.SESSION, tuple(f"AWS {name}" for name in (principal.arn, principal.user_id) if name)
    elif kind is PrincipalKind.SERVICE:
        yield Naming.SERVICE, (f"Service {principal.name or principal.arn}",)
    elif principal.arn:
        yield Naming.PROVIDER, (f"Federated {principal.arn}",)


def principals(written: Sequence[tuple[str, str]], *, negated: bool) -> Principals:
    """Compile a Principal or NotPrincipal element of (type, value) pairs; ``("*", "*")`` is the bare star."""
    anyone = False
    accounts: set[str] = set()
    names: set[str] = set()
    for kind, value in written:
        root = _ROOT.fullmatch(value)
        if kind in ("*", "AWS") and value == "*":
            anyone = True
        elif kind == "AWS" and root is not None:
            accounts.add(root.group(1))
        elif kind == "AWS" and _ACCOUNT.fullmatch(value):
            accounts.add(value)
        else:
            names.add(f"{kind} {value}")
    return Principals(tuple(written), negated, anyone, frozenset(accounts), frozenset(names))


_FORMS = {
    "AWS": (_ACCOUNT, _ROOT, _ENTITY, _SESSION),
    "Service": (_SERVICE,),
    "Federated": (_PROVIDER,),
    "CanonicalUser": (_CANONICAL,),
}


def is_principal(kind: str, value: str) -> bool:
    """Whether a (type, value) pair has the form of a principal. No wildcard but a lone ``*`` for AWS."""
    if value == "*":
        return kind in ("*", "AWS")
    return any(form.fullmatch(value) for form in _FORMS.get(kind, ()))
