"""Issuers: which URLs can be registered, and as what."""

from __future__ import annotations

import pytest

from strongroom.base.refusals import Refusal
from strongroom.services.iam.errors import InvalidInputException
from strongroom.services.iam.rules import issuers


@pytest.mark.parametrize(
    ("url", "issuer"),
    [
        ("https://token.actions.githubusercontent.com", "token.actions.githubusercontent.com"),
        ("https://GitLab.example.com/Group", "gitlab.example.com/Group"),
        ("https://tenant.auth0.com/", "tenant.auth0.com/"),
        ("https://oidc.eks.eu-west-1.amazonaws.com/id/ABC", "oidc.eks.eu-west-1.amazonaws.com/id/ABC"),
        ("https://localhost:8443/realm", "localhost:8443/realm"),
    ],
)
def test_an_issuer_is_its_url_without_the_scheme(url: str, issuer: str) -> None:
    assert issuer == issuers.issuer_of(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com",
        "example.com",
        "https://",
        "https://example.com?a=b",
        "https://example.com#a",
        "https://user:word@example.com",
        "https://user@example.com",
        "https://example.com:0",
        "https://example.com:99999",
        "https://example.com:",
        "https://example.com/../x",
        "https://example.com/./x",
        "https://example.com//x",
        "https://exa mple.com",
        "https://example.com\\@evil.com",
        "https://[::1]/x",
        "https://example.com\n",
        "https://-a.com",
    ],
)
def test_what_is_no_plain_https_url_is_refused(url: str) -> None:
    with pytest.raises(Refusal, match="Invalid Open ID Connect Provider URL"):
        issuers.issuer_of(url)


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:iam::123456789012:role/oidc-provider/x",
        "arn:aws:iam::aws:oidc-provider/x",
        "arn:aws:sts::123456789012:oidc-provider/x",
        "oidc-provider/x",
    ],
)
def test_what_is_no_providers_arn_is_refused(arn: str) -> None:
    with pytest.raises(Refusal):
        issuers.refuse_other_arn(arn)


def test_thumbprints_are_kept_once_in_lower_case() -> None:
    assert ("a" * 40, "0" * 40) == issuers.thumbprints(["A" * 40, "0" * 40, "a" * 40])


@pytest.mark.parametrize("given", [["a" * 39], ["g" * 40], [f"{at}" * 40 for at in range(6)]])
def test_what_is_no_thumbprint_and_a_sixth_is_refused(given: list[str]) -> None:
    with pytest.raises(InvalidInputException):
        issuers.thumbprints(given)
