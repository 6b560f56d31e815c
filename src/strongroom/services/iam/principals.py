"""Who stands behind an access key, and with which policies (registry.PrincipalSource).

Everything is cached by the generation ``iam`` of the account that the key's own id names; every operation
that changes a row raises it. What is not found is not kept, so that invented ids fill no cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

import orjson

from strongroom.base.classes import dataclass, field
from strongroom.base.keyids import LONG_TERM, account_of
from strongroom.base.names import federated_user_arn, role_session_arn
from strongroom.base.refusals import Kind, Refusal
from strongroom.kernel.authz import binding
from strongroom.kernel.authz.document import Document, DocumentKind, load_document, parse_document
from strongroom.kernel.authz.principal import Principal, PrincipalKind
from strongroom.kernel.call import Call, Credential, OpenIDProvider, Role
from strongroom.kernel.registry import IdentityPolicies
from strongroom.kernel.sealing.keyring import Keyring
from strongroom.kernel.sealing.tokenkeys import TokenKeys, token_keys
from strongroom.kernel.sealing.tokens import Session, SessionKind, TokenBroken, open_token
from strongroom.kernel.storage.port import Transaction
from strongroom.services.iam import managed, mfa, persons, secrets
from strongroom.services.iam.rules import issuers, password_policy
from strongroom.services.iam.rules.names import (
    AWS,
    POLICY,
    ROLE,
    USER,
    Entity,
    folded,
    parse_entity_arn,
)
from strongroom.services.iam.store import (
    accounts,
    devices,
    entities,
    holdings,
    keys,
    login_profiles,
    openid_providers,
    policies,
    roles,
    tags,
)

GENERATION: Final = "iam"
EVERYONE: Final = 10_000
"""More users or roles than an account can have (rules.quotas)."""

_GRANTS_NOTHING = parse_document(
    '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:GetCallerIdentity","Resource":"*"}}',
    DocumentKind.SESSION,
    "no session policy",
)
"""The session policy of a federated user who was given none: it allows what needs no permission anyway.

Source: API reference, GetFederationToken: without a session policy the user has no permissions.
"""


_NO_POLICIES: Final = IdentityPolicies()


class _UnknownError(Exception):
    """There is no such credential. Raised through the cache, which keeps only what there is."""


@dataclass(frozen=True, slots=True)
class _OpenedSession:
    """A session token opened once: what it stands for while its issuer is unchanged, and until when."""

    credential: Credential = field(repr=False)
    expires: datetime


class Principals:
    """Answers about callers, roles and managed policies, with a keyring to open what is sealed."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    # ------------------------------------------------------------------ credentials

    def credential(
        self, tx: Transaction, access_key_id: str, session_token: str | None, now: datetime
    ) -> Credential | None:
        """What an access key stands for; None where key, token and issuer do not all fit.

        Raises Refusal(EXPIRED_TOKEN) for a session that was good and is over.
        """
        account = account_of(access_key_id)
        if account is None or (session_token is None) != access_key_id.startswith(LONG_TERM):
            return None
        try:
            if session_token is None:
                return tx.cached(
                    account,
                    GENERATION,
                    ("key", access_key_id),
                    lambda: self._long_term(tx, account, access_key_id),
                )
            sealing = token_keys(tx, self._keyring)
            opened = tx.cached(
                account,
                GENERATION,
                # With the key's number: a token that opens no more must not be remembered as open.
                ("session", sealing.number, access_key_id, session_token),
                lambda: self._session(tx, account, access_key_id, session_token, sealing),
            )
        except _UnknownError:
            return None
        if now >= opened.expires:
            raise Refusal(Kind.EXPIRED_TOKEN, "The security token included in the request is expired")
        return opened.credential

    def _long_term(self, tx: Transaction, account: str, access_key_id: str) -> Credential:
        key = keys.find(tx, access_key_id)
        if key is None or not key.active or key.account != account:
            raise _UnknownError
        user = _alive(tx, key.user_id, account)
        principal = _user(user, tags.of(tx, user.id), None)
        return Credential(principal, access_key_id, secrets.opened(self._keyring, key))

    def _session(
        self, tx: Transaction, account: str, access_key_id: str, token: str, sealing: TokenKeys
    ) -> _OpenedSession:
        try:
            session = open_token(sealing.keyring, token, access_key_id)
        except TokenBroken:
            raise _UnknownError from None
        if session.account != account:
            raise _UnknownError
        issuer = _alive(tx, session.issuer_id, account)
        if session.kind is SessionKind.CONSOLE and not session.issuing_key:
            profile = login_profiles.of_user(tx, issuer.id)
            if profile is None or profile.changed > session.issued:
                raise _UnknownError
        elif session.kind is not SessionKind.ROLE:
            key = keys.find(tx, session.issuing_key)
            if key is None or not key.active or key.user_id != issuer.id:
                raise _UnknownError
        principal = _PRINCIPAL_OF[session.kind](issuer, tags.of(tx, issuer.id), session)
        limits = self._session_policies(tx, session)
        return _OpenedSession(Credential(principal, access_key_id, session.secret, limits), session.expires)

    def _session_policies(self, tx: Transaction, session: Session) -> tuple[Document, ...] | None:
        """What limits a session; None where nothing does. A managed policy that is gone allows nothing."""
        if not session.policies and not session.policy_arns:
            return (_GRANTS_NOTHING,) if session.kind is SessionKind.FEDERATED else None
        limits = [load_document(text, DocumentKind.SESSION, "session policy") for text in session.policies]
        managed_ones = (self.managed_policy(tx, session.account, arn) for arn in session.policy_arns)
        return (*limits, *(document or _GRANTS_NOTHING for document in managed_ones))

    def used(self, tx: Transaction, credential: Credential, *, service: str, region: str, now: datetime) -> None:
        """Store when a proven key, or the role of a proven session, was last used."""
        used_id = credential.access_key_id
        if credential.principal.kind is PrincipalKind.ROLE:
            used_id = credential.principal.unique_id
        elif not used_id.startswith(LONG_TERM):
            return
        keys.note_use(tx, used_id, keys.Use(now, service, region))

    # ------------------------------------------------------------------ policies

    def policies(self, tx: Transaction, principal: Principal) -> IdentityPolicies:
        """The principal's own policies; those of the user who asked, for a federated user."""
        if not principal.unique_id:
            return _NO_POLICIES
        account, unique_id = principal.account, principal.unique_id
        return tx.cached(
            account,
            GENERATION,
            ("policies", unique_id),
            lambda: self._identity_policies(tx, account, unique_id),
        )

    def _identity_policies(self, tx: Transaction, account: str, unique_id: str) -> IdentityPolicies:
        holder = entities.by_id(tx, unique_id)
        if holder is None or holder.account != account:
            return IdentityPolicies()
        found = [
            load_document(text, DocumentKind.IDENTITY, f"inline:{name}")
            for _, name, text in holdings.inline_with_groups(tx, unique_id)
        ]
        found.extend(_attached(tx, account, holdings.attached_with_groups(tx, unique_id)))
        if holder.kind is USER and password_policy.lets_users_change(accounts.password_policy(tx, account)):
            found.append(_own_password(holder.arn))
        boundary = None if holder.boundary is None else self._boundary(tx, account, holder.boundary)
        return IdentityPolicies(tuple(found), boundary)

    def _boundary(self, tx: Transaction, account: str, arn: str) -> Document:
        """A boundary's document. One whose policy was deleted allows nothing, as in AWS: it still bounds."""
        return self.managed_policy(tx, account, arn) or _GRANTS_NOTHING

    def managed_policy(self, tx: Transaction, account: str, arn: str) -> Document | None:
        """The document in force of a managed policy, of this account or of AWS; None where there is none."""
        name = parse_entity_arn(arn)
        if name is None or name.kind is not POLICY:
            return None
        if name.account == AWS:
            return managed.document(arn)
        if name.account != account:
            return None

        def load() -> Document | None:
            text = policies.default_document(tx, name)
            return None if text is None else load_document(text, DocumentKind.IDENTITY, arn)

        return tx.cached(account, GENERATION, ("policy", arn), load)

    def use_mfa(self, call: Call, tx: Transaction, serial: str, code: str) -> bool:
        """Whether a code is that of the caller's own device; it is used up. Nobody but users has devices."""
        device, principal = devices.find(tx, serial), call.principal
        if device is None or principal.kind is not PrincipalKind.USER or device.user_id != principal.unique_id:
            return False
        return mfa.use(call, tx, device, code)

    def openid_provider(self, tx: Transaction, account: str, issuer: str) -> OpenIDProvider | None:
        """The provider that an account registered for an issuer; None where there is none, or the issuer is no URL
        that could be registered. What is not found is not kept.
        """
        try:
            arn = issuers.provider_arn(account, issuers.issuer_of(issuer))
        except Refusal:
            return None

        def load() -> OpenIDProvider:
            found = openid_providers.find(tx, arn)
            if found is None:
                raise _UnknownError
            return OpenIDProvider(arn, account, found.issuer, frozenset(found.client_ids), frozenset(found.thumbprints))

        try:
            return tx.cached(account, GENERATION, ("openid-provider", arn), load)
        except _UnknownError:
            return None

    # ------------------------------------------------------------------ who policies name

    def person_named(self, tx: Transaction, name: str) -> str | None:
        """The unique id of the user or role of exactly this ARN (or id), of whatever account."""
        return persons.named(tx, name)

    def person_of(self, tx: Transaction, unique_id: str) -> str | None:
        """The ARN of today of a user or role."""
        return persons.arn_of(tx, unique_id)

    # ------------------------------------------------------------------ reports

    def everyone(self, tx: Transaction, account: str) -> Sequence[Principal]:
        """All users and roles of an account as they are without a session, by name."""
        found = [
            _user(one, tags.of(tx, one.id), None)
            for one in entities.page(tx, account, USER, prefix="/", after="", most=EVERYONE)
        ]
        found.extend(
            Principal(
                kind=PrincipalKind.ROLE,
                arn=one.arn,
                account=account,
                unique_id=one.id,
                name=one.name,
                entity_arn=one.arn,
                tags=tags.of(tx, one.id),
            )
            for one in entities.page(tx, account, ROLE, prefix="/", after="", most=EVERYONE)
        )
        return found

    def last_uses(
        self, tx: Transaction, principals: Sequence[Principal]
    ) -> Mapping[str, tuple[datetime, datetime | None]]:
        """When each was made, and last used as GetRole and GetAccessKeyLastUsed tell it."""
        found: dict[str, tuple[datetime, datetime | None]] = {}
        for principal in principals:
            held = entities.by_id(tx, principal.unique_id)
            if held is None:
                continue
            ids = [held.id] if held.kind is ROLE else [key.id for key in keys.of_user(tx, held.id)]
            uses = [use.used for one in ids if (use := keys.use_of(tx, one)) is not None]
            found[held.id] = held.created, max(uses, default=None)
        return found

    # ------------------------------------------------------------------ roles

    def role(self, tx: Transaction, arn: str) -> Role | None:
        """The role of exactly this ARN, with its trust compiled; None where there is none."""
        name = parse_entity_arn(arn)
        if name is None or name.kind is not ROLE:
            return None

        def load() -> Role:
            found = entities.find(tx, name.account, ROLE, name.name)
            if found is None or found.arn != arn:
                raise _UnknownError
            return _role(tx, found)

        try:
            return tx.cached(name.account, GENERATION, ("role", arn), load)
        except _UnknownError:
            return None


def _own_password(arn: str) -> Document:
    """What AllowUsersToChangePassword gives every user. Source: IAM User Guide, "Set an account password policy for
    IAM users": iam:ChangePassword for their own user, and iam:GetAccountPasswordPolicy.
    """
    statements = [
        {"Effect": "Allow", "Action": "iam:ChangePassword", "Resource": arn},
        {"Effect": "Allow", "Action": "iam:GetAccountPasswordPolicy", "Resource": "*"},
    ]
    text = orjson.dumps({"Version": "2012-10-17", "Statement": statements}).decode()
    return load_document(text, DocumentKind.IDENTITY, "account password policy")


def _role(tx: Transaction, found: Entity) -> Role:
    trust = roles.trust_of(tx, found.id)
    return Role(
        arn=found.arn,
        account=found.account,
        name=found.name,
        unique_id=found.id,
        trust=load_document(binding.meant(trust.kept), DocumentKind.TRUST, found.arn),
        tags=tags.of(tx, found.id),
        max_session=trust.max_session,
    )


def _attached(tx: Transaction, account: str, arns: Sequence[str]) -> Iterator[Document]:
    """The documents in force of attached policies: one statement for all. Raises LookupError where one is not there."""
    named = [(arn, parse_entity_arn(arn)) for arn in arns]
    own = [name for _, name in named if name is not None and name.kind is POLICY and name.account == account]
    texts = policies.default_documents(tx, own)
    for arn, name in named:
        document = None
        if name is not None and name.kind is POLICY and name.account == AWS:
            document = managed.document(arn)
        elif name is not None and name.kind is POLICY and name.account == account:
            text = texts.get((name.path, name.name))
            document = None if text is None else load_document(text, DocumentKind.IDENTITY, arn)
        if document is None:
            raise LookupError(f"{arn} is attached and not there")
        yield document


def _alive(tx: Transaction, unique_id: str, account: str) -> Entity:
    found = entities.by_id(tx, unique_id)
    if found is None or found.account != account:
        raise _UnknownError
    return found


# ---------------------------------------------------------------------- principals (facts: iam, section 7)


def _user(user: Entity, own_tags: Mapping[str, str], session: Session | None) -> Principal:
    return Principal(
        kind=PrincipalKind.USER,
        arn=user.arn,
        account=user.account,
        unique_id=user.id,
        user_id=user.id,
        name=user.name,
        entity_arn=user.arn,
        tags=own_tags,
        token_issued=None if session is None else session.issued,
        mfa=None if session is None else session.mfa,
        from_console=session is not None and session.kind is SessionKind.CONSOLE,
    )


def _role_session(role: Entity, own_tags: Mapping[str, str], session: Session) -> Principal:
    """Session tags override the role's of the same key, in whatever case it is written."""
    passed = {folded(key) for key, _ in session.tags}
    kept = {key: value for key, value in own_tags.items() if folded(key) not in passed}
    return Principal(
        kind=PrincipalKind.ROLE,
        arn=role_session_arn(role.account, role.name, session.name),
        account=role.account,
        unique_id=role.id,
        user_id=f"{role.id}:{session.name}",
        name=role.name,
        entity_arn=role.arn,
        session_name=session.name,
        tags=kept | dict(session.tags),
        transitive_tags=frozenset(session.transitive),
        token_issued=session.issued,
        mfa=session.mfa,
        source_identity=session.source_identity,
        provider=session.provider,
        function=session.function,
    )


def _federated(user: Entity, own_tags: Mapping[str, str], session: Session) -> Principal:  # noqa: ARG001
    return Principal(
        kind=PrincipalKind.FEDERATED,
        arn=federated_user_arn(user.account, session.name),
        account=user.account,
        unique_id=user.id,
        user_id=f"{user.account}:{session.name}",
        name=session.name,
        entity_arn=user.arn,
        session_name=session.name,
        tags=dict(session.tags),
        token_issued=session.issued,
        mfa=session.mfa,
    )


_PRINCIPAL_OF: Mapping[SessionKind, Callable[[Entity, Mapping[str, str], Session], Principal]] = {
    SessionKind.USER: _user,
    SessionKind.ROLE: _role_session,
    SessionKind.FEDERATED: _federated,
    SessionKind.CONSOLE: _user,
}
