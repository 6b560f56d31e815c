"""Only keys that are offered can be made, and AWS's own refusals come first."""

from typing import Any

import pytest

from strongroom.base.refusals import Answerable, Refusal
from strongroom.services.kms import errors
from strongroom.services.kms.rules.creation import check_offered


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"KeySpec": "SYMMETRIC_DEFAULT"},
        {"CustomerMasterKeySpec": "SYMMETRIC_DEFAULT", "KeyUsage": "ENCRYPT_DECRYPT", "Origin": "AWS_KMS"},
        {"MultiRegion": False},
    ],
)
def test_symmetric_keys_are_offered(params: dict[str, Any]) -> None:
    check_offered(params)  # raises nothing


@pytest.mark.parametrize(
    ("params", "error", "says"),
    [
        ({"KeySpec": "HMAC_256"}, Refusal, errors.NO_USAGE),
        (
            {"KeyUsage": "SIGN_VERIFY"},
            Refusal,
            "KeyUsage SIGN_VERIFY is not compatible with KeySpec SYMMETRIC_DEFAULT",
        ),
        (
            {"KeySpec": "SYMMETRIC_DEFAULT", "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT"},
            Refusal,
            errors.TWO_SPECS,
        ),
        (
            {"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"},
            errors.UnsupportedOperationException,
            "RSA_2048",
        ),
        ({"Origin": "EXTERNAL"}, errors.UnsupportedOperationException, "EXTERNAL"),
        ({"MultiRegion": True}, errors.UnsupportedOperationException, "MultiRegion"),
        ({"CustomKeyStoreId": "cks-1"}, errors.UnsupportedOperationException, "custom key store"),
        ({"XksKeyId": "x"}, errors.UnsupportedOperationException, "external key store"),
    ],
)
def test_everything_else_is_refused_and_says_why(
    params: dict[str, Any], error: type[Answerable], says: str
) -> None:
    with pytest.raises(error, match=says):
        check_offered(params)
