"""The forms of KeyId and AliasName."""

import pytest

from strongroom.base.refusals import Answerable, Refusal
from strongroom.services.kms import errors
from strongroom.services.kms.rules.identifiers import AliasName, KeyName, alias_name, read_key_id

A, R, UUID, MRK = "111122223333", "eu-west-1", "6d5f1c3a-2b4e-4f60-8a71-92b3c4d5e6f7", "mrk-" + "0" * 32
ARN = f"arn:aws:kms:{R}:{A}:"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (UUID, KeyName(A, R, UUID)),
        (MRK, KeyName(A, R, MRK)),
        (f"{ARN}key/{UUID}", KeyName(A, R, UUID)),
        (f"arn:aws:kms:{R}:444455556666:key/{UUID}", KeyName("444455556666", R, UUID)),
        ("alias/app", AliasName(A, R, "alias/app")),
        (f"{ARN}alias/app/db", AliasName(A, R, "alias/app/db")),
    ],
)
def test_each_form_names_its_key_or_alias(text: str, expected: KeyName | AliasName) -> None:
    assert expected == read_key_id(text, account=A, region=R, aliases=True)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("app", "Invalid keyId 'app'"),
        (UUID.replace("-", ""), f"Invalid keyId '{UUID.replace('-', '')}'"),
        (UUID.upper(), f"Invalid keyId '{UUID.upper()}'"),
        (f"key/{UUID}", f"Invalid keyId 'key/{UUID}'"),
        ("alias/", "Invalid keyId 'alias/'"),
        (f"{ARN}key/app", f"Invalid keyId '{ARN}key/app'"),
        (f"{ARN}{UUID}", f"Invalid keyId '{ARN}{UUID}'"),
        (f"arn:aws:kms:us-east-1:{A}:key/{UUID}", "Invalid arn us-east-1"),
        (f"arn:aws:kms:us-east-1:{A}:alias/app", "Invalid arn us-east-1"),
        (f"arn:aws:iam:{R}:{A}:key/{UUID}", f"Invalid arn arn:aws:iam:{R}:{A}:key/{UUID}"),
        (f"arn:aws:kms:{R}:1:key/{UUID}", f"Invalid arn arn:aws:kms:{R}:1:key/{UUID}"),
    ],
)
def test_any_other_text_names_nothing(text: str, says: str) -> None:
    """Source: facts aws-observed, "KMS: error shape"."""
    with pytest.raises(errors.NotFoundException) as caught:
        read_key_id(text, account=A, region=R, aliases=True)
    assert says == caught.value.message


@pytest.mark.parametrize("text", ["alias/app", f"{ARN}alias/app"])
def test_aliases_are_taken_only_where_said(text: str) -> None:
    with pytest.raises(errors.NotFoundException, match="Invalid keyId"):
        read_key_id(text, account=A, region=R, aliases=False)


def test_names_have_their_arns() -> None:
    assert f"{ARN}key/{UUID}" == KeyName(A, R, UUID).arn
    assert f"{ARN}alias/app" == AliasName(A, R, "alias/app").arn


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("app", Refusal),
        (f"{ARN}alias/app", Refusal),
        ("alias/", errors.InvalidAliasNameException),
        ("alias/aws/secretsmanager", errors.InvalidAliasNameException),
        ("alias/aws/", errors.InvalidAliasNameException),
    ],
)
def test_a_new_alias_has_the_prefix_and_no_reserved_name(text: str, error: type[Answerable]) -> None:
    with pytest.raises(error):
        alias_name(text, account=A, region=R)


def test_a_name_that_only_resembles_the_reserved_ones_is_free() -> None:
    assert AliasName(A, R, "alias/awsome") == alias_name("alias/awsome", account=A, region=R)
