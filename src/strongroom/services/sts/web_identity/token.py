"""A web identity token: read strictly, believed only once its signature and its claims are checked. Pure.

Source: RFC 7519 (JWT), RFC 7515 (JWS), RFC 8725 (JWT best current practices); OpenID Connect Core, section 2
(ID Token); facts, iam, section 14, AssumeRoleWithWebIdentity. Texts that are not recorded are our choice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from strongroom.base.classes import dataclass, field
from strongroom.base.clock import to_ms
from strongroom.kernel.authz.model import ContextValue
from strongroom.kernel.call import OpenIDProvider
from strongroom.kernel.crypto.jws import ALGORITHMS, NotVerified, PublicKey, decoded
from strongroom.services.sts.errors import ExpiredTokenException, InvalidIdentityTokenException

TAGS_CLAIM = "https://aws.amazon.com/tags"
SOURCE_IDENTITY_CLAIM = "https://aws.amazon.com/source_identity"
CLOCKS_DIFFER = timedelta(seconds=60)
"""How far in the future ``nbf`` and ``iat`` may lie: issuers' clocks differ. An end is an end. Our choice."""
_MOST_CHARACTERS = 1024


@dataclass(frozen=True, slots=True)
class Claimed:
    """A token that was read. Nothing in it is proven; ``issuer`` says whose keys are to be asked for."""

    algorithm: str
    key_id: str
    claims: Mapping[str, Any] = field(repr=False)
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    @property
    def issuer(self) -> str:
        """The ``iss`` claim."""
        found = self.claims.get("iss")
        if not isinstance(found, str) or not 0 < len(found) <= _MOST_CHARACTERS:
            raise InvalidIdentityTokenException("Missing a required claim: iss")
        return found


@dataclass(frozen=True, slots=True)
class WebIdentity:
    """Whom a provider vouches for. ``audience``: the value of the condition key ``ISSUER:aud``.

    ``tags``, ``transitive`` and ``source_identity`` are what the provider passes on for the session.
    """

    provider: OpenIDProvider
    subject: str
    audience: str
    original_audience: str
    methods: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    transitive: tuple[str, ...] = ()
    source_identity: str | None = None

    def keys(self) -> dict[str, ContextValue]:
        """The condition keys ``ISSUER:aud`` and so on.

        Source: IAM User Guide, "Available keys for AWS OIDC federation".
        """
        prefix = self.provider.issuer.lower()
        found: dict[str, ContextValue] = {
            f"{prefix}:aud": self.audience,
            f"{prefix}:oaud": self.original_audience,
            f"{prefix}:sub": self.subject,
        }
        if self.methods:
            found[f"{prefix}:amr"] = self.methods
        return found


def read_token(text: str) -> Claimed:
    """The parts of a token. Raises InvalidIdentityToken for what is no signed JWT, or of another algorithm."""
    parts = text.split(".")
    if len(parts) != 3 or not all(parts):
        raise InvalidIdentityTokenException("The token is not a signed JWT.")
    try:
        header, claims = (_object(decoded(part)) for part in parts[:2])
        signature = decoded(parts[2])
    except (ValueError, RecursionError):
        raise InvalidIdentityTokenException("The token is not a signed JWT.") from None
    algorithm, key_id = header.get("alg"), header.get("kid", "")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise InvalidIdentityTokenException(
            f"The token's algorithm is not supported. Supported: {', '.join(sorted(ALGORITHMS))}."
        )
    # What a header demands to be understood is not (RFC 7515, 4.1.11); keys named inside a token are never looked at.
    if "crit" in header or not isinstance(key_id, str) or len(key_id) > _MOST_CHARACTERS:
        raise InvalidIdentityTokenException("The token's header is not supported.")
    return Claimed(algorithm, key_id, claims, f"{parts[0]}.{parts[1]}".encode(), signature)


def _object(raw: bytes) -> dict[str, Any]:
    found = json.loads(raw.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_number)
    if not isinstance(found, dict):
        raise ValueError("not an object")  # noqa: TRY004  one kind of fault for all that is no token
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


def chosen_key(claimed: Claimed, keys: Sequence[PublicKey]) -> PublicKey | None:
    """The key that the token names; where it names none, the only one there is for its algorithm."""
    fitting = [one for one in keys if claimed.algorithm in one.algorithms]
    if claimed.key_id:
        fitting = [one for one in fitting if one.id == claimed.key_id]
    return fitting[0] if len(fitting) == 1 else None


def verified(claimed: Claimed, key: PublicKey, provider: OpenIDProvider, now: datetime) -> WebIdentity:
    """Whom the token speaks of. ``now`` is the machine's time: the token comes from outside.

    Raises InvalidIdentityToken, or ExpiredToken for a good token whose time is over.
    """
    try:
        key.verify(claimed.algorithm, claimed.signed, claimed.signature)
    except NotVerified:
        raise InvalidIdentityTokenException("The token's signature is not valid.") from None
    claims = claimed.claims
    if claimed.issuer.removeprefix("https://") != provider.issuer:
        raise InvalidIdentityTokenException("The token is of another issuer.")
    audience, original = _audience(claims, provider)
    _check_times(claims, now)
    tags, transitive = _tags(claims)
    return WebIdentity(
        provider=provider,
        subject=_text(claims, "sub"),
        audience=audience,
        original_audience=original,
        methods=tuple(one for one in _list(claims.get("amr", [])) if isinstance(one, str)),
        tags=tags,
        transitive=transitive,
        source_identity=None if SOURCE_IDENTITY_CLAIM not in claims else _text(claims, SOURCE_IDENTITY_CLAIM),
    )


def _check_times(claims: Mapping[str, Any], now: datetime) -> None:
    seconds = to_ms(now) // 1000
    ends = _moment(claims, "exp")
    latest = seconds + CLOCKS_DIFFER.total_seconds()
    if _moment(claims, "iat") > latest or ("nbf" in claims and _moment(claims, "nbf") > latest):
        raise InvalidIdentityTokenException("The token is not valid yet.")
    if seconds >= ends:
        raise ExpiredTokenException(
            f"Token expired: current date/time {seconds} must be before the expiration date/time {int(ends)}"
        )


def _audience(claims: Mapping[str, Any], provider: OpenIDProvider) -> tuple[str, str]:
    """The registered party that the token is for, and the audience as it stands in the token.

    Source: IAM User Guide, "Available keys for AWS OIDC federation": where ``azp`` is set it takes the place of
    ``aud``, which is then found in ``oaud``.
    """
    listed = claims.get("aud")
    audiences = [listed] if isinstance(listed, str) else _list(listed)
    if not audiences or not all(isinstance(one, str) and one for one in audiences):
        raise InvalidIdentityTokenException("Missing a required claim: aud")
    parties = [_text(claims, "azp")] if "azp" in claims else audiences
    registered = [one for one in parties if one in provider.client_ids]
    if not registered:
        raise InvalidIdentityTokenException("Incorrect token audience")
    return registered[0], registered[0] if registered[0] in audiences else audiences[0]


def _text(claims: Mapping[str, Any], name: str) -> str:
    found = claims.get(name)
    if not isinstance(found, str) or not 0 < len(found) <= _MOST_CHARACTERS:
        raise InvalidIdentityTokenException(f"Missing a required claim: {name}")
    return found


def _moment(claims: Mapping[str, Any], name: str) -> float:
    """Seconds since the epoch. Source: RFC 7519, section 2, NumericDate."""
    found = claims.get(name)
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found < 1 << 40:
        raise InvalidIdentityTokenException(f"Missing a required claim: {name}")
    return found


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _tags(claims: Mapping[str, Any]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Session tags that the provider passes. Source: IAM User Guide, "Passing session tags using
    AssumeRoleWithWebIdentity": each tag a list of one value.
    """
    found = claims.get(TAGS_CLAIM, {})
    principal = found.get("principal_tags", {}) if isinstance(found, dict) else None
    if not isinstance(principal, dict) or len(principal) > 50:
        raise InvalidIdentityTokenException("The token's session tags are not well formed.")
    tags = {key: _one_value(value) for key, value in principal.items()}
    if not all(0 < len(key) <= 128 and len(value) <= 256 for key, value in tags.items()):
        raise InvalidIdentityTokenException("The token's session tags are not well formed.")
    transitive = tuple(one for one in _list(found.get("transitive_tag_keys", [])) if isinstance(one, str))
    return tags, transitive


def _one_value(value: object) -> str:
    one = value[0] if isinstance(value, list) and len(value) == 1 else value
    if not isinstance(one, str):
        raise InvalidIdentityTokenException("The token's session tags are not well formed.")
    return one
