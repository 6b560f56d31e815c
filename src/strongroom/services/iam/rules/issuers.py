"""Issuers of OpenID Connect tokens as IAM registers them: URLs, client ids, thumbprints. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from strongroom.base.names import PARTITION, is_account_id, parse_arn
from strongroom.base.refusals import Refusal
from strongroom.services.iam.errors import InvalidInputException, invalid

_SCHEME = "https://"
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?::[0-9]{1,5})?")
_PATH = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]+)*/?")
_THUMBPRINT = re.compile(r"[0-9A-Fa-f]{40}")
_WORD = "oidc-provider/"
THUMBPRINTS_AT_MOST = 5


def issuer_of(url: str) -> str:
    """A provider's URL without its scheme: host, port and path, as ARNs and condition keys write it.

    Raises ValidationError for what is no plain https URL: other schemes, credentials, queries, fragments, dot
    segments. A slash at the end stays: issuers end in one or do not. Our choice: a port is taken, for issuers on
    one's own network.
    Source: API reference, CreateOpenIDConnectProvider, Url.
    """
    if not url.lower().startswith(_SCHEME):
        raise _no_url()
    host, slash, path = url[len(_SCHEME) :].partition("/")
    host, path = host.lower(), slash + path
    plain = _HOST.fullmatch(host) and _PATH.fullmatch(path) and not {".", ".."} & set(path.split("/"))
    if not plain or not _port_is_possible(host):
        raise _no_url()
    return host + path


def _port_is_possible(host: str) -> bool:
    try:
        return urlsplit(f"//{host}").port != 0
    except ValueError:
        return False


def _no_url() -> Refusal:
    return invalid("Invalid Open ID Connect Provider URL")


def provider_arn(account: str, issuer: str) -> str:
    """``arn:aws:iam::ACCOUNT:oidc-provider/HOST/PATH``. Source: IAM User Guide, "IAM identifiers"."""
    return f"arn:{PARTITION}:iam::{account}:{_WORD}{issuer}"


def refuse_other_arn(text: str) -> None:
    """Refuse what is no provider's ARN, with ValidationError."""
    arn = parse_arn(text)
    if (
        arn is None
        or (arn.partition, arn.service, arn.region) != (PARTITION, "iam", "")
        or not is_account_id(arn.account)
        or not arn.resource.startswith(_WORD)
    ):
        raise invalid(f"ARN {text} is not valid.")


def thumbprints(given: Sequence[str]) -> tuple[str, ...]:
    """Thumbprints in lower case, each once. Raises InvalidInput for what is none, or for more than five.

    Source: API reference, CreateOpenIDConnectProvider, ThumbprintList: SHA-1 in 40 hexadecimal digits, at most
    five.
    """
    if len(given) > THUMBPRINTS_AT_MOST:
        raise InvalidInputException("Thumbprint list must contain fewer than 5 entries.")
    if not all(_THUMBPRINT.fullmatch(one) for one in given):
        raise InvalidInputException("Thumbprints must be 40 hexadecimal digits.")
    return tuple(dict.fromkeys(one.lower() for one in given))
