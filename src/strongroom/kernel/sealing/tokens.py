"""Session tokens: everything that a temporary credential is, sealed into the text that its holder sends.

A token costs no write and no row. Whoever opens one still asks the store whether its issuer (and, for the
sessions of users, the issuing key) is there and active. The access key id is what the token is bound to, so
that neither can be used with another's.

It lives here because two rooms that are strangers need it: ``sts`` makes tokens, ``iam`` opens them.

Form, before sealing: secret (30) | length of the fixed part (2) | fixed part, JSON | packed part, deflated
JSON. Our choice: docs/decisions/0012-principals-and-sessions.md.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from datetime import datetime
from enum import Enum
from typing import Any

import orjson

from strongroom.base.classes import dataclass, field
from strongroom.base.clock import from_ms, to_ms
from strongroom.base.entropy import Entropy
from strongroom.kernel.sealing.keyring import Keyring, SealBroken

PACKED_BYTES_MAX = 3072
"""What session policies and tags may take, deflated. Our choice: a token stays under 5 kB in its header."""

_PURPOSE = "session-token"
_SECRET_BYTES = 30
_TOKEN_LENGTH_MAX = 8192
_UNPACKED_BYTES_MAX = 256 * 1024


class TokenBroken(Exception):  # noqa: N818  a finding about the text
    """The text is no session token of ours, or not the one of this access key id. Says no more on purpose."""

    def __init__(self) -> None:
        super().__init__("the session token is not valid")


class SessionKind(Enum):
    """Who acts in a session, and so what must still exist for it to be good."""

    USER = "user"
    ROLE = "role"
    FEDERATED = "federated"
    CONSOLE = "console"


@dataclass(frozen=True, slots=True)
class Session:
    """One temporary credential, as its token says.

    ``issuer_id``: unique id of the role, or of the user who asked.
    ``issuing_key``: the long-term key that asked, for sessions of users and federated users; "" for roles, and for
    sessions of the console that began with a password, which then must be unchanged.
    ``name``: role session name or federated name; "" for sessions of users.
    ``policies``: texts of inline session policies; ``policy_arns``: managed ones, resolved at each use.
    ``provider``: ARN of the identity provider that vouched for whoever began a role's session; "" for none.
    ``function``: ARN of the function that a service began a role's session for; "" for none.
    ``tags``: session tags; ``transitive``: the keys of those that flow on to chained sessions.
    """

    kind: SessionKind
    account: str
    issuer_id: str
    secret: str = field(repr=False)
    issued: datetime
    expires: datetime
    issuing_key: str = ""
    name: str = ""
    policies: tuple[str, ...] = ()
    policy_arns: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    transitive: tuple[str, ...] = ()
    source_identity: str | None = None
    mfa: bool = False
    provider: str = ""
    function: str = ""


def make_secret(entropy: Entropy) -> str:
    """A secret access key: 40 characters from ``A-Za-z0-9+/``, 240 bits. Source: facts, iam, section 12."""
    return base64.b64encode(entropy.take(_SECRET_BYTES)).decode("ascii")


def packed(session: Session) -> bytes:
    """The session's policies and tags in their packed form, which PackedPolicySize measures."""
    parts = [session.policies, session.policy_arns, session.tags, session.transitive]
    return zlib.compress(orjson.dumps(parts), 9)


def issue(keyring: Keyring, session: Session, access_key_id: str) -> str:
    """The token of one session, bound to its access key id. Base64, about 300 characters without policies."""
    fixed = orjson.dumps(
        [
            session.kind.value,
            session.account,
            session.issuer_id,
            session.issuing_key,
            session.name,
            to_ms(session.issued),
            to_ms(session.expires),
            session.source_identity,
            session.mfa,
            session.provider,
            session.function,
        ]
    )
    secret = base64.b64decode(session.secret, validate=True)
    plain = secret + len(fixed).to_bytes(2, "big") + fixed + packed(session)
    return base64.b64encode(keyring.seal(_PURPOSE, plain, access_key_id.encode())).decode("ascii")


def open_token(keyring: Keyring, token: str, access_key_id: str) -> Session:
    """The session again. Raises TokenBroken where token, access key id or keyring do not belong together.

    Whether it is over is the caller's question: an expired session is answered otherwise than a forged one.
    """
    if len(token) > _TOKEN_LENGTH_MAX:
        raise TokenBroken
    try:
        plain = keyring.open(_PURPOSE, base64.b64decode(token, validate=True), access_key_id.encode())
    except (SealBroken, binascii.Error, ValueError):
        raise TokenBroken from None
    fixed_at = _SECRET_BYTES + 2
    packed_at = fixed_at + int.from_bytes(plain[_SECRET_BYTES:fixed_at], "big")
    fixed = orjson.loads(plain[fixed_at:packed_at])
    kind, account, issuer_id, issuing_key, name, issued, expires, source_identity, mfa, provider, function = fixed
    policies, policy_arns, tags, transitive = _unpacked(plain[packed_at:])
    return Session(
        kind=SessionKind(kind),
        account=account,
        issuer_id=issuer_id,
        secret=base64.b64encode(plain[:_SECRET_BYTES]).decode("ascii"),
        issued=from_ms(issued),
        expires=from_ms(expires),
        issuing_key=issuing_key,
        name=name,
        policies=tuple(policies),
        policy_arns=tuple(policy_arns),
        tags=tuple((key, value) for key, value in tags),
        transitive=tuple(transitive),
        source_identity=source_identity,
        mfa=mfa,
        provider=provider,
        function=function,
    )


def _unpacked(part: bytes) -> list[list[Any]]:
    """Inflated and parsed. We sealed it, so a fault is a bug and not an answer; the bound is for that bug."""
    inflated: list[list[Any]] = orjson.loads(zlib.decompressobj().decompress(part, _UNPACKED_BYTES_MAX))
    return inflated
