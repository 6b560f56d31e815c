"""Tags as parameters and as condition keys."""

from __future__ import annotations

import pytest

from strongroom.services.iam.errors import InvalidInputException, LimitExceededException
from strongroom.services.iam.rules import tagging


def test_keys_that_differ_in_case_only_are_refused() -> None:
    with pytest.raises(InvalidInputException) as refused:
        tagging.asked_tags([{"Key": "Team", "Value": "a"}, {"Key": "team", "Value": "b"}])
    assert "Duplicate tag keys found. Please note that Tag keys are case insensitive." == refused.value.message


def test_no_tags_are_an_empty_map() -> None:
    assert {} == tagging.asked_tags(None)
    assert {} == tagging.request_keys({})


def test_a_replaced_tag_does_not_count_twice() -> None:
    present = {f"k{number}": "" for number in range(50)}
    tagging.refuse_too_many("User", present, {"K1": ""})
    with pytest.raises(LimitExceededException):
        tagging.refuse_too_many("User", present, {"k50": ""})


def test_condition_keys_are_lower_case_and_values_are_not() -> None:
    assert {"aws:requesttag/team": "Blue", "aws:tagkeys": ("Team",)} == tagging.request_keys({"Team": "Blue"})
    assert {"aws:resourcetag/team": "Blue", "iam:resourcetag/team": "Blue"} == tagging.resource_keys({"Team": "Blue"})
