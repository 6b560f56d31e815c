"""The room's errors are AWS's."""

from strongroom.services.kms import errors


def test_a_damaged_ciphertext_has_no_message() -> None:
    """Source: facts aws-observed, "KMS: error shape"."""
    assert errors.InvalidCiphertextException().message is None


def test_absences_name_the_whole_arn() -> None:
    assert "Key 'arn:k' does not exist" == errors.missing_key("arn:k").message
    assert "Alias arn:a is not found." == errors.missing_alias("arn:a").message
