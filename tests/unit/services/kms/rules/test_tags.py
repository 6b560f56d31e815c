"""Tags keep to the rules for tags."""

import pytest

from strongroom.services.kms import errors
from strongroom.services.kms.rules.tags import merged, read_tags


def given(*keys: str) -> list[dict[str, str]]:
    return [{"TagKey": key, "TagValue": "v"} for key in keys]


@pytest.mark.parametrize(
    ("tags", "says"),
    [
        (given("a", "a"), "Duplicate tag keys"),
        (given("aws:a"), "Tags beginning with aws: are reserved"),
        (given("AWS:a"), "Tags beginning with aws: are reserved"),
        (given(*map(str, range(51))), "Too many tags"),
    ],
)
def test_tags_that_break_a_rule_are_refused(tags: list[dict[str, str]], says: str) -> None:
    """Source: facts aws-observed, "KMS: error shape"."""
    with pytest.raises(errors.TagException) as caught:
        read_tags(tags)
    assert says == caught.value.message


def test_keys_that_differ_in_case_are_two_tags() -> None:
    assert {"a": "v", "A": "v"} == read_tags(given("a", "A"))


def test_a_known_key_gets_the_new_value_and_counts_once() -> None:
    present = {str(number): "old" for number in range(50)}
    assert "new" == merged(present, {"0": "new"})["0"]
    with pytest.raises(errors.TagException):
        merged(present, {"more": "new"})
