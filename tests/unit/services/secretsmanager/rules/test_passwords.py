"""Random passwords: exact length, only the right characters, every required kind."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.base.entropy import SystemEntropy
from strongroom.services.secretsmanager import errors
from strongroom.services.secretsmanager.rules.passwords import (
    LOWERCASE,
    NUMBERS,
    PUNCTUATION,
    UPPERCASE,
    Recipe,
    random_password,
    recipe,
)

ALL = (UPPERCASE, LOWERCASE, NUMBERS, PUNCTUATION)
ENTROPY = SystemEntropy()


def wanted(**given: object) -> Recipe:
    whole = {"length": 32, "kinds": ALL, "excluded": "", "space": False, "require_each": True} | given
    return recipe(**whole)  # type: ignore[arg-type]


def test_the_kinds_are_the_printable_characters_but_space() -> None:
    assert {chr(code) for code in range(33, 127)} == set("".join(ALL))
    assert 94 == len("".join(ALL))


@settings(max_examples=150)
@given(
    length=st.integers(1, 300),
    kinds=st.lists(st.sampled_from(ALL), unique=True),
    excluded=st.text(alphabet="".join(ALL) + " ", max_size=60),
    space=st.booleans(),
    require_each=st.booleans(),
)
def test_a_password_is_by_its_recipe_or_refused(
    length: int, kinds: list[str], excluded: str, space: bool, require_each: bool
) -> None:
    try:
        made = recipe(length=length, kinds=kinds, excluded=excluded, space=space, require_each=require_each)
    except errors.InvalidParameterException:
        left = [set(kind) - set(excluded) for kind in kinds]
        nothing = not any(left) and (not space or " " in excluded)
        assert nothing or (require_each and (not all(left) or length < len(left)))
        return
    password = random_password(ENTROPY, made)
    assert length == len(password)
    assert set(password) <= (set("".join(kinds)) | ({" "} if space else set())) - set(excluded)
    assert not require_each or all(set(kind) & set(password) for kind in kinds)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"excluded": NUMBERS}, "All characters of the desired type have been excluded"),
        ({"length": 3}, "Password length is too short based on the required types"),
        ({"kinds": (), "require_each": False}, "All characters have been excluded from selection"),
    ],
)
def test_what_cannot_be_made_is_refused_with_awss_text(given: dict[str, object], says: str) -> None:
    with pytest.raises(errors.InvalidParameterException) as refused:
        wanted(**given)
    assert says == refused.value.message


def test_an_emptied_kind_is_no_matter_where_it_is_not_required() -> None:
    assert NUMBERS not in random_password(ENTROPY, wanted(excluded=NUMBERS, require_each=False))


def test_the_longest_password_has_4096_characters() -> None:
    assert 4096 == len(random_password(ENTROPY, wanted(length=4096)))
