"""Word splitting and word matching, each line of the observed tables."""

from __future__ import annotations

from dataclasses import dataclass, field

import orjson
import pytest

from strongroom.services.secretsmanager import errors
from strongroom.services.secretsmanager.rules.filters import Filter, read_filters, words


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("credsDatabase#892", ("creds", "database", "892")),
        ("COMPANYthings", ("compan", "ythings")),
        ("uat/COMPANY/x", ("uat", "company", "x")),
        ("prod/AppBeta/x", ("prod", "app", "beta", "x")),
        ("AppBeta", ("app", "beta")),
        ("one two", ("one", "two")),
        ("+", ()),
        ("a_b", ("a", "b")),
        ("Größe9", ("größe", "9")),
    ],
)
def test_text_is_split_where_case_changes_at_digits_and_at_punctuation(text: str, split: tuple[str, ...]) -> None:
    assert split == words(text)


@dataclass
class One:
    """A secret as filters look at it."""

    name: str = "name"
    description: str | None = None
    tag_list: list[dict[str, str]] = field(default_factory=list)
    primary_region: str | None = None
    owning_service: str | None = None

    @property
    def tags(self) -> str:
        """As the store keeps them."""
        return orjson.dumps(self.tag_list).decode()


def accepted(key: str, value: str, text: str) -> bool:
    (one,) = read_filters([{"Key": key, "Values": [value]}])
    return one.accepts(One(description=text))


DESCRIPTIONS = ("a secret", "an secret", "asecret", "thesecret")


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("a", DESCRIPTIONS[:3]),
        ("a secret", DESCRIPTIONS[:2]),
        ("!a", DESCRIPTIONS[3:]),
        ("!c", DESCRIPTIONS),
    ],
)
def test_descriptions_match_word_by_word(value: str, found: tuple[str, ...]) -> None:
    """Source: facts aws-observed, "ListSecrets filters"."""
    assert found == tuple(text for text in DESCRIPTIONS if accepted("description", value, text))


@pytest.mark.parametrize(
    ("value", "text", "found"),
    [
        ("o t", "one two", True),
        ("o t", "one and two", True),
        ("t", "two", True),
        ("t", "one", False),
        ("sec", "SecretOne", True),
        ("ret", "SecretOne", False),
        ("company", "uat/COMPANY/x", True),
        ("company", "COMPANYthings", False),
        ("Ythings", "COMPANYthings", True),
        ("things", "COMPANYthings", False),
        ("pany", "uat/COMPANY/x", False),
        ("+", "a+b", False),
        ("AppBeta", "prod/AppBeta/x", True),
    ],
)
def test_all_matches_prefixes_of_words_in_any_order(value: str, text: str, found: bool) -> None:
    assert found is accepted("all", value, text)


def test_values_are_alternatives_and_each_may_be_negated() -> None:
    (one,) = read_filters([{"Key": "description", "Values": ["one", "!two"]}])
    assert [True, False, True] == [one.accepts(One(description=text)) for text in ("one two", "two", "three")]


def test_all_looks_at_every_text() -> None:
    (one,) = read_filters([{"Key": "all", "Values": ["some words tag value"]}])
    tags = [{"Key": "tagKey", "Value": "valueOf"}]
    assert one.accepts(One("some/name", "words", tags))
    assert not one.accepts(One("some/name", None, tags))


@pytest.mark.parametrize(
    ("key", "value", "found"),
    [
        ("name", "te", True),
        ("name", "Te", False),
        ("name", "!te", False),
        ("name", "", True),
        ("name", "%", False),
        ("tag-key", "en", True),
        ("tag-key", "EN", False),
        ("tag-key", "!never", True),
        ("tag-value", "p", True),
        ("tag-value", "", True),
        ("primary-region", "us", True),
        ("owning-service", "rds", False),
        ("owning-service", "!rds", True),
        ("owning-service", "", False),
    ],
)
def test_all_other_keys_match_by_case_sensitive_prefix(key: str, value: str, found: bool) -> None:
    one = One("test/one", tag_list=[{"Key": "env", "Value": "prod"}], primary_region="us-east-1")
    (wanted,) = read_filters([{"Key": key, "Values": [value]}])
    assert found is wanted.accepts(one)


@pytest.mark.parametrize(
    ("given", "says"),
    [({}, "Invalid filter key"), ({"Key": "name"}, "Invalid filter values for key: name")],
)
def test_a_filter_needs_key_and_values(given: dict[str, object], says: str) -> None:
    with pytest.raises(errors.InvalidParameterException, match=says):
        read_filters([given])


def test_a_prefix_filter_keeps_its_value_as_it_is() -> None:
    (one,) = read_filters([{"Key": "name", "Values": ["!Testing One"]}])
    assert isinstance(one, Filter)
    assert ("Testing One", True, ()) == (one.values[0].text, one.values[0].negated, one.values[0].words)
