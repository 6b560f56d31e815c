"""Where labels go: the movement table row by row, and a machine that looks for any way to break its laws."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from strongroom.services.secretsmanager import errors
from strongroom.services.secretsmanager.rules.labels import (
    CURRENT,
    LABELS_MAX,
    MOVEMENTS,
    PENDING,
    PREVIOUS,
    Change,
    by_version,
    change_of_value,
    moved,
    restaged,
)


def put(labels: dict[str, str], version_id: str, *named: str) -> dict[str, str]:
    return moved(labels, change_of_value(labels, named), version_id, named)


# (before, named labels of a put of version "new", after), each row a line of the movement table.
WRITTEN = [
    pytest.param({}, (), {CURRENT: "new"}, id="first value of an empty secret"),
    pytest.param({}, ("X",), {CURRENT: "new", "X": "new"}, id="first value with custom labels is current too"),
    pytest.param({CURRENT: "a"}, (), {CURRENT: "new", PREVIOUS: "a"}, id="plain put"),
    pytest.param(
        {CURRENT: "b", PREVIOUS: "a"},
        (),
        {CURRENT: "new", PREVIOUS: "b"},
        id="plain put deprecates the one before",
    ),
    pytest.param(
        {CURRENT: "a", "X": "a", "PUT1": "a"},
        (),
        {CURRENT: "new", PREVIOUS: "a", "X": "a", "PUT1": "a"},
        id="custom labels stay on the former current version",
    ),
    pytest.param(
        {CURRENT: "b", PREVIOUS: "a", "PUT0": "a"},
        (),
        {CURRENT: "new", PREVIOUS: "b", "PUT0": "a"},
        id="a version that loses AWSPREVIOUS keeps PUT0",
    ),
    pytest.param(
        {CURRENT: "a", PENDING: "a"},
        (),
        {CURRENT: "new", PREVIOUS: "a"},
        id="AWSPENDING of the former current version ends",
    ),
    pytest.param(
        {CURRENT: "a", PENDING: "p"},
        (),
        {CURRENT: "new", PREVIOUS: "a"},
        id="a plain put abandons a rotation",
    ),
    pytest.param({CURRENT: "a"}, ("X",), {CURRENT: "a", "X": "new"}, id="custom labels leave AWSCURRENT alone"),
    pytest.param(
        {CURRENT: "a"},
        (PENDING,),
        {CURRENT: "a", PENDING: "new"},
        id="only AWSPENDING leaves AWSCURRENT alone",
    ),
    pytest.param(
        {CURRENT: "a", PENDING: "a"},
        (PENDING,),
        {CURRENT: "a", PENDING: "new"},
        id="AWSPENDING moves away from the current version",
    ),
    pytest.param(
        {CURRENT: "a"},
        (CURRENT, "PUT0"),
        {CURRENT: "new", "PUT0": "new", PREVIOUS: "a"},
        id="AWSCURRENT among others",
    ),
    pytest.param(
        {CURRENT: "c", "one": "a", "two": "a", "three": "a"},
        ("one", "two", "four"),
        {CURRENT: "c", "one": "new", "two": "new", "four": "new", "three": "a"},
        id="labels are exclusive and those not named stay",
    ),
]


@pytest.mark.parametrize(("before", "named", "after"), WRITTEN)
def test_a_written_value_moves_labels_by_the_table(
    before: dict[str, str], named: tuple[str, ...], after: dict[str, str]
) -> None:
    assert after == put(before, "new", *named)


RESTAGED = [
    pytest.param(
        {CURRENT: "b", PREVIOUS: "a"},
        CURRENT,
        "b",
        "a",
        {CURRENT: "a", PREVIOUS: "b"},
        id="roll-back swaps the two",
    ),
    pytest.param(
        {CURRENT: "a", PENDING: "n"},
        CURRENT,
        "a",
        "n",
        {CURRENT: "n", PENDING: "n", PREVIOUS: "a"},
        id="AWSPENDING stays on a version that becomes current",
    ),
    pytest.param({CURRENT: "a"}, "X", None, "a", {CURRENT: "a", "X": "a"}, id="attach"),
    pytest.param({CURRENT: "a", "X": "a"}, "X", "a", "b", {CURRENT: "a", "X": "b"}, id="move a custom label"),
    pytest.param({CURRENT: "a", PREVIOUS: "b", "X": "b"}, "X", "b", None, {CURRENT: "a", PREVIOUS: "b"}, id="take off"),
    pytest.param({CURRENT: "a"}, CURRENT, None, "a", {CURRENT: "a"}, id="onto its own holder is a no-op"),
    pytest.param({CURRENT: "a", PENDING: "p"}, PENDING, "p", None, {CURRENT: "a"}, id="unblock a rotation"),
]


@pytest.mark.parametrize(("before", "label", "remove", "move", "after"), RESTAGED)
def test_update_secret_version_stage_moves_one_label(
    before: dict[str, str], label: str, remove: str | None, move: str | None, after: dict[str, str]
) -> None:
    assert after == restaged(before, label, remove_from=remove, move_to=move)


REFUSED = [
    pytest.param({"X": "a"}, "X", None, "b", "can't be empty. Staging label X is currently attached to version a"),
    pytest.param({"X": "a"}, "X", "c", "b", "it must be set to the version that currently has the staging label X."),
    pytest.param({CURRENT: "a"}, "X", "a", None, "it must be set to the version that currently has"),
    pytest.param({CURRENT: "a"}, CURRENT, "a", None, "can't remove staging label AWSCURRENT"),
    pytest.param({CURRENT: "a"}, CURRENT, None, None, "RemoveFromVersionId, MoveToVersionId, or both"),
]


@pytest.mark.parametrize(("before", "label", "remove", "move", "says"), REFUSED)
def test_parameters_that_disagree_with_where_the_label_is_are_refused(
    before: dict[str, str], label: str, remove: str | None, move: str | None, says: str
) -> None:
    with pytest.raises(errors.InvalidParameterException, match=says):
        restaged(before, label, remove_from=remove, move_to=move)


def test_twenty_labels_fit_and_one_more_does_not() -> None:
    full = put({CURRENT: "a"}, "new", *(f"L{number}" for number in range(LABELS_MAX - 1)))
    assert LABELS_MAX == len(full)
    with pytest.raises(errors.LimitExceededException):
        put(full, "newer", "one more")


def test_a_plain_put_that_needs_no_new_label_works_at_the_limit() -> None:
    full = {CURRENT: "b", PREVIOUS: "a"} | {f"L{number}": "a" for number in range(LABELS_MAX - 2)}
    assert LABELS_MAX == len(put(full, "new"))


def test_every_change_has_its_row() -> None:
    assert set(Change) == set(MOVEMENTS)


def test_the_labels_of_a_version_are_sorted() -> None:
    assert {"a": ("AWSCURRENT", "X"), "b": ("AWSPREVIOUS",)} == by_version({"X": "a", PREVIOUS: "b", CURRENT: "a"})


NAMES = st.sampled_from([CURRENT, PENDING, PREVIOUS, "X", "Y"])


class LabelsOfOneSecret(RuleBasedStateMachine):
    """Any order of changes keeps the laws; what a change does not name or move stays where it was."""

    versions = Bundle("versions")

    def __init__(self) -> None:
        super().__init__()
        self.labels: dict[str, str] = {}
        self.written = 0
        self.has_value = False

    def _to(self, after: dict[str, str], may_change: set[str], may_go: set[str]) -> None:
        for name, holder in self.labels.items():
            assert name in after or name in may_go, f"{name} was lost"
            assert after.get(name) == holder or name in may_change | may_go, f"{name} moved unasked"
        self.labels = after

    @rule(target=versions, named=st.sets(NAMES, max_size=3))
    def write(self, named: set[str]) -> str:
        self.written += 1
        version_id = f"v{self.written}"
        after = put(self.labels, version_id, *sorted(named))
        goes_current = CURRENT in named or not named or not self.has_value
        self.has_value = True
        assert (version_id == after.get(CURRENT)) is goes_current
        assert named - {PREVIOUS} <= {name for name, holder in after.items() if holder == version_id}
        self._to(
            after,
            named | ({CURRENT, PREVIOUS} if goes_current else set()),
            {PENDING} if goes_current else set(),
        )
        return version_id

    @rule(version_id=versions, label=NAMES)
    def move(self, version_id: str, label: str) -> None:
        if not self.has_value and label == CURRENT:
            return  # the operation refuses AWSCURRENT on a version without a value
        after = restaged(self.labels, label, remove_from=self.labels.get(label), move_to=version_id)
        self._to(after, {label, PREVIOUS} if label == CURRENT else {label}, set())
        assert version_id == after[label]

    @rule(label=NAMES)
    def take_off(self, label: str) -> None:
        holder = self.labels.get(label)
        if label == CURRENT or holder is None:
            with pytest.raises(errors.InvalidParameterException):
                restaged(self.labels, label, remove_from=holder or "nobody", move_to=None)
            return
        self._to(restaged(self.labels, label, remove_from=holder, move_to=None), set(), {label})

    @rule(target=versions)
    def rotate(self) -> str:
        self.written += 1
        version_id = f"v{self.written}"
        self._to(moved(self.labels, Change.RESERVED, version_id), {PENDING}, set())
        return version_id

    @invariant()
    def exactly_one_version_is_current_once_a_value_exists(self) -> None:
        assert CURRENT in self.labels or not self.has_value

    @invariant()
    def no_label_is_on_two_versions(self) -> None:
        seen = [name for names in by_version(self.labels).values() for name in names]
        assert sorted(seen) == sorted(set(seen)) == sorted(self.labels)


TestLabelsOfOneSecret = LabelsOfOneSecret.TestCase
TestLabelsOfOneSecret.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
