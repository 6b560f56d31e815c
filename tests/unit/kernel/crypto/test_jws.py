"""Other people's signatures: the RFCs' own examples, and what must not pass."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from tests.oidc import encoded, jwk, sign

from strongroom.kernel.crypto.jws import ALGORITHMS, NotVerified, decoded, public_key

RSA = rsa.generate_private_key(65537, 2048)
KEYS: dict[str, Any] = {
    "RS256": RSA,
    "RS384": RSA,
    "RS512": RSA,
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "ES512": ec.generate_private_key(ec.SECP521R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
# Source: RFC 7515, appendix A.3; RFC 8037, appendices A.2 and A.4.
EXAMPLES = [
    (
        "ES256",
        {
            "kty": "EC",
            "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        },
        "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
    ),
    (
        "EdDSA",
        {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
    ),
]


@pytest.mark.parametrize(("algorithm", "key", "signed", "signature"), EXAMPLES)
def test_the_examples_of_the_rfcs_verify(algorithm: str, key: dict[str, str], signed: str, signature: str) -> None:
    made = public_key(key)
    assert made is not None
    made.verify(algorithm, signed.encode(), decoded(signature))
    with pytest.raises(NotVerified):
        made.verify(algorithm, signed.encode() + b"x", decoded(signature))


@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS))
def test_each_algorithm_of_the_list_verifies_and_no_other_with_the_same_key(algorithm: str) -> None:
    made = public_key(jwk(KEYS[algorithm], "k", alg=algorithm))
    assert made is not None and {algorithm} == made.algorithms
    signature = sign(algorithm, KEYS[algorithm], b"message")
    made.verify(algorithm, b"message", signature)
    for other in (ALGORITHMS - {algorithm}) | {"none", "HS256", ""}:
        with pytest.raises(NotVerified):
            made.verify(other, b"message", signature)


@pytest.mark.parametrize("change", [lambda s: s[:-1], lambda s: s + b"\0", lambda s: b"", lambda s: bytes(len(s))])
@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "ES512", "EdDSA"])
def test_a_changed_signature_does_not_verify(algorithm: str, change: Any) -> None:
    made = public_key(jwk(KEYS[algorithm], "k"))
    assert made is not None
    with pytest.raises(NotVerified):
        made.verify(algorithm, b"message", change(sign(algorithm, KEYS[algorithm], b"message")))


_GOOD = jwk(KEYS["ES256"], "k")
_RSA_KEY = jwk(RSA, "k")


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"kty": "oct", "k": "AAAA"},
        {"kty": ["EC"]},
        {**_GOOD, "use": "enc"},
        {**_GOOD, "key_ops": ["sign"]},
        {**_GOOD, "key_ops": "verify"},
        {**_GOOD, "alg": "HS256"},
        {**_GOOD, "alg": "ES384"},
        {**_GOOD, "kid": 7},
        {**_GOOD, "crv": "secp256k1"},
        {**_GOOD, "y": _GOOD["x"]},
        {**_GOOD, "x": "AA"},
        {**_GOOD, "x": None},
        {**_RSA_KEY, "e": "AQ"},
        {**_RSA_KEY, "n": _RSA_KEY["n"][:100]},
        {**_RSA_KEY, "n": encoded(b"\xff" * 1100)},
        {"kty": "OKP", "crv": "X25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
        {"kty": "OKP", "crv": "Ed25519", "x": "AAAA"},
    ],
)
def test_a_key_of_another_kind_use_or_strength_is_none(bad: dict[str, Any]) -> None:
    assert public_key(bad) is None


@pytest.mark.parametrize("text", ["AA==", "A+A", "A/A", "A A", "\u00e9", None, 7, "A"])
def test_only_unpadded_base64url_is_read(text: object) -> None:
    with pytest.raises(ValueError):
        decoded(text)
