"""What the room declares, against the service model."""

from __future__ import annotations

import pytest

from strongroom.kernel.model.catalogue import CATALOGUE
from strongroom.kernel.model.overlay import overlay_entries
from strongroom.services.iam.room import ROOM

MODEL = CATALOGUE.service("iam").operations
CHANGES = (
    "Create",
    "Put",
    "Delete",
    "Attach",
    "Detach",
    "Tag",
    "Enable",
    "Deactivate",
    "Resync",
    "Untag",
    "Update",
    "Add",
    "Remove",
    "Set",
    "Change",
    "Generate",
)


def test_every_modelled_operation_is_offered_or_refused() -> None:
    assert set(MODEL) == set(ROOM.operations) | set(ROOM.refused)


def test_nothing_is_both_offered_and_refused() -> None:
    assert set() == set(ROOM.operations) & set(ROOM.refused)


@pytest.mark.parametrize("name", sorted(ROOM.operations))
def test_what_changes_something_is_a_write_and_nothing_else(name: str) -> None:
    assert name.startswith(CHANGES) is ROOM.operations[name].mode.changes


@pytest.mark.parametrize("name", sorted(ROOM.operations))
def test_every_operation_needs_its_own_permission(name: str) -> None:
    assert f"iam:{name}" == ROOM.operations[name].action


@pytest.mark.parametrize("name", sorted(ROOM.operations))
def test_records_repeat_only_members_that_the_answer_has(name: str) -> None:
    output = MODEL[name].output
    members = set() if output is None else set(output.members)

    assert set(ROOM.operations[name].shown) <= members


@pytest.mark.parametrize(("operation", "member", "says"), overlay_entries("iam"))
def test_the_model_does_not_say_what_the_overlay_says(operation: str, member: str, says: dict[str, object]) -> None:
    shape = MODEL[operation].input
    assert shape is not None
    modelled = shape.members[member].shape

    assert not {key: getattr(modelled, key) for key in says}.items() & says.items()
