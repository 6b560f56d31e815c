"""How staging labels move: all of it is in this file, as one table and two laws.

Laws
    1. A label is on one version at a time: putting it on one takes it from any other.
    2. The version that AWSCURRENT leaves gets AWSPREVIOUS, which so leaves whichever had it.

Labels that a change does not name stay where they are; a version without labels is deprecated.

Source: facts aws-observed, "versions and labels"; secretsmanager section 4, movement table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum

from strongroom.base.classes import dataclass
from strongroom.services.secretsmanager import errors

CURRENT, PENDING, PREVIOUS = "AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"
LABELS_MAX = 20
"""Labels over all versions of one secret (facts: secretsmanager section 3)."""

Labels = Mapping[str, str]
"""Which version id a label is on."""


class Change(Enum):
    """What happens to a version, as far as labels care."""

    FIRST_VALUE = "a value is written while no version is current"
    PLAIN_VALUE = "a value is written and no labels are named (PutSecretValue, UpdateSecret)"
    CURRENT_VALUE = "a value is written with labels, AWSCURRENT among them"
    LABELLED_VALUE = "a value is written with labels, AWSCURRENT not among them"
    RESERVED = "a rotation reserves the id of its version"
    LABEL_MOVED = "UpdateSecretVersionStage puts one label on a version"


@dataclass(frozen=True, slots=True)
class Movement:
    """One row: ``implied`` labels go to the version beside those named, ``ends`` leave every other."""

    implied: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()


MOVEMENTS: Mapping[Change, Movement] = {
    # The first value is current whatever the caller named.
    Change.FIRST_VALUE: Movement(implied=(CURRENT,)),
    # A version made by hand abandons the rotation under way; its AWSPENDING goes from every version.
    Change.PLAIN_VALUE: Movement(implied=(CURRENT,), ends=(PENDING,)),
    Change.CURRENT_VALUE: Movement(ends=(PENDING,)),
    Change.LABELLED_VALUE: Movement(),
    Change.RESERVED: Movement(implied=(PENDING,)),
    # AWSPENDING stays on a version that becomes current so: the next written value ends it.
    Change.LABEL_MOVED: Movement(),
}


def change_of_value(labels: Labels, named: Iterable[str]) -> Change:
    """Which row a written value falls under."""
    named = tuple(named)
    if CURRENT not in labels:
        return Change.FIRST_VALUE
    if not named:
        return Change.PLAIN_VALUE
    return Change.CURRENT_VALUE if CURRENT in named else Change.LABELLED_VALUE


def moved(labels: Labels, change: Change, version_id: str, named: Iterable[str] = ()) -> dict[str, str]:
    """The labels after a change of one version. Raises LimitExceededException above 20 labels."""
    row = MOVEMENTS[change]
    goes = (*row.implied, *named)
    after = {label: holder for label, holder in labels.items() if label not in row.ends or label in goes}
    after.update(dict.fromkeys(goes, version_id))
    left = labels.get(CURRENT)
    if CURRENT in goes and left is not None and left != version_id:
        after[PREVIOUS] = left
    if len(after) > LABELS_MAX:
        raise errors.LimitExceededException(
            f"You can't attach more than {LABELS_MAX} staging labels to the versions of a secret."
        )
    return after


def restaged(labels: Labels, label: str, *, remove_from: str | None, move_to: str | None) -> dict[str, str]:
    """The labels after UpdateSecretVersionStage, whose parameters must agree with where the label is.

    Raises InvalidParameterException where they do not. Whether ``move_to`` exists is the caller's to check.
    """
    holder = labels.get(label)
    if remove_from is None and move_to is None:
        raise errors.InvalidParameterException(
            "You must provide a value for RemoveFromVersionId, MoveToVersionId, or both."
        )
    if holder is not None and holder == move_to and remove_from in (None, holder):
        return dict(labels)
    if holder is not None and remove_from is None:
        raise errors.InvalidParameterException(
            f"The parameter RemoveFromVersionId can't be empty. Staging label {label} is currently attached "
            f"to version {holder}, so you must explicitly reference that version in RemoveFromVersionId."
        )
    if remove_from is not None and remove_from != holder:
        raise errors.InvalidParameterException(
            f"When you move staging label {label}, if you specify RemoveFromVersionId, it must be set to the "
            f"version that currently has the staging label {label}."
        )
    if move_to is not None:
        return moved(labels, Change.LABEL_MOVED, move_to, (label,))
    if label == CURRENT:
        # INVARIANT: a secret with a value has exactly one current version.
        raise errors.InvalidParameterException(
            f"You can't remove staging label {label} from version {holder} without moving it to another."
        )
    return {name: version for name, version in labels.items() if name != label}


def of_version(labels: Labels, version_id: str) -> tuple[str, ...]:
    """The sorted labels of one version."""
    return tuple(sorted([name for name, holder in labels.items() if holder == version_id]))


def by_version(labels: Labels) -> dict[str, tuple[str, ...]]:
    """The same the other way round: the sorted labels of each version that has any."""
    found: dict[str, list[str]] = {}
    for label in sorted(labels):
        found.setdefault(labels[label], []).append(label)
    return {version_id: tuple(names) for version_id, names in found.items()}
