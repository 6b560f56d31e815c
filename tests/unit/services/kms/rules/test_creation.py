"""Which keys can be made, and what each refusal is called."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.base.refusals import Answerable, Kind, Refusal
from strongroom.kernel.model.catalogue import CATALOGUE
from strongroom.services.kms import errors
from strongroom.services.kms.rules import creation
from strongroom.services.kms.rules.specs import MEMBERS, SPECS, is_pair, suits

REFUSED_SPECS = {"SM2", "ML_KEM_512", "ML_KEM_768", "ML_KEM_1024"}


def test_every_modelled_spec_usage_and_algorithm_is_known_or_refused() -> None:
    """Source: facts, kms, section 4."""
    assert set(CATALOGUE.shape("kms", "KeySpec").enum) == set(SPECS) | REFUSED_SPECS
    usages = {usage for known in SPECS.values() for usage in known}
    assert set(CATALOGUE.shape("kms", "KeyUsageType").enum) == usages | {"ENCAPSULATE_DECAPSULATE"}
    assert usages == set(MEMBERS)
    algorithms = {name for known in SPECS.values() for names in known.values() for name in names}
    modelled: set[str] = set()
    for shape in ("EncryptionAlgorithmSpec", "SigningAlgorithmSpec", "MacAlgorithmSpec", "KeyAgreementAlgorithmSpec"):
        modelled |= set(CATALOGUE.shape("kms", shape).enum)
    assert modelled - algorithms == {"SM2PKE", "SM2DSA", "ED25519_PH_SHA_512"}


@pytest.mark.parametrize("spec", sorted(SPECS))
def test_every_spec_can_be_made_with_each_of_its_usages_and_no_other(spec: str) -> None:
    for usage in MEMBERS:
        params = {"KeySpec": spec, "KeyUsage": usage}
        if usage in SPECS[spec]:
            assert creation.Kind(spec, usage) == creation.wanted(params)
        else:
            with pytest.raises(Refusal) as caught:
                creation.wanted(params)
            assert f"KeyUsage {usage} is not compatible with KeySpec {spec}" == caught.value.message


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"KeySpec": "HMAC_256"}, errors.NO_USAGE),
        ({"CustomerMasterKeySpec": "RSA_2048"}, errors.NO_USAGE),
        ({"KeySpec": "RSA_2048", "CustomerMasterKeySpec": "RSA_2048"}, errors.TWO_SPECS),
    ],
    ids=str,
)
def test_what_aws_refuses_is_a_validation_error(params: dict[str, Any], expected: str) -> None:
    with pytest.raises(Refusal) as caught:
        creation.wanted(params)
    assert (Kind.VALIDATION, expected) == (caught.value.kind, caught.value.message)


@pytest.mark.parametrize(
    "params",
    [
        {"KeySpec": "SM2", "KeyUsage": "SIGN_VERIFY"},
        {"KeySpec": "ML_KEM_768", "KeyUsage": "ENCAPSULATE_DECAPSULATE"},
        {"Origin": "AWS_CLOUDHSM"},
        {"Origin": "EXTERNAL_KEY_STORE"},
        {"CustomKeyStoreId": "cks-1"},
        {"XksKeyId": "x"},
    ],
    ids=str,
)
def test_what_is_not_offered_is_an_unsupported_operation(params: dict[str, Any]) -> None:
    with pytest.raises(errors.UnsupportedOperationException) as caught:
        creation.wanted(params)
    assert isinstance(caught.value, Answerable)


def test_the_condition_keys_of_creation_tell_what_is_asked_for() -> None:
    params = {"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY", "Origin": "EXTERNAL", "MultiRegion": True}
    assert {
        "kms:keyspec": "RSA_2048",
        "kms:keyusage": "SIGN_VERIFY",
        "kms:keyorigin": "EXTERNAL",
        "kms:multiregion": "true",
        "kms:multiregionkeytype": "PRIMARY",
    } == creation.asked(params).facts()


@pytest.mark.parametrize(
    ("operation", "spec", "usage", "expected"),
    [
        ("Decrypt", "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", True),
        ("Sign", "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", False),
        ("GenerateDataKey", "RSA_2048", "ENCRYPT_DECRYPT", False),
        ("Encrypt", "RSA_2048", "ENCRYPT_DECRYPT", True),
        ("Encrypt", "RSA_2048", "SIGN_VERIFY", False),
        ("GetPublicKey", "HMAC_256", "GENERATE_VERIFY_MAC", False),
        ("GetPublicKey", "ECC_NIST_P256", "KEY_AGREEMENT", True),
        ("DeriveSharedSecret", "ECC_NIST_P256", "KEY_AGREEMENT", True),
        ("GenerateMac", "HMAC_256", "GENERATE_VERIFY_MAC", True),
        ("CreateGrant", "HMAC_256", "GENERATE_VERIFY_MAC", True),
        ("DescribeKey", "ML_DSA_44", "SIGN_VERIFY", True),
    ],
)
def test_a_grant_speaks_only_of_what_the_key_can_do(operation: str, spec: str, usage: str, expected: bool) -> None:
    assert expected is suits(operation, spec, usage)


def test_only_key_pairs_have_a_public_half() -> None:
    assert {"SYMMETRIC_DEFAULT", "HMAC_224", "HMAC_256", "HMAC_384", "HMAC_512"} == {
        spec for spec in SPECS if not is_pair(spec)
    }
