"""What the room declares, against the service model."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.kernel.model.catalogue import CATALOGUE
from strongroom.kernel.model.overlay import overlay_entries
from strongroom.kernel.outside.https import Outside
from strongroom.kernel.registry import Mode, Registry
from strongroom.services import sts

MODEL = CATALOGUE.service("sts").operations
REGISTRY = Registry()
sts.register(REGISTRY, Outside(), Path("nowhere"))
ROOM = REGISTRY.rooms["sts"]


def test_every_modelled_operation_is_offered_or_refused() -> None:
    assert set(MODEL) == set(ROOM.operations) | set(ROOM.refused)
    assert set() == set(ROOM.operations) & set(ROOM.refused)


def test_giving_out_credentials_costs_no_write() -> None:
    assert Mode.WRITE not in {operation.mode for operation in ROOM.operations.values()}


def test_only_web_identities_come_unsigned_and_only_they_wait_for_the_world() -> None:
    open_ones = {name for name, operation in ROOM.operations.items() if operation.unsigned}
    waiting = {name for name, operation in ROOM.operations.items() if operation.ahead is not None}

    assert {"AssumeRoleWithWebIdentity"} == open_ones == waiting


def test_only_these_need_no_permission() -> None:
    """Source: facts, iam, section 6."""
    free = {name for name, operation in ROOM.operations.items() if operation.action is None}

    assert {"GetCallerIdentity", "GetSessionToken"} == free


@pytest.mark.parametrize("name", sorted(ROOM.operations))
def test_records_repeat_only_members_that_the_answer_has(name: str) -> None:
    output = MODEL[name].output
    assert output is not None

    assert set(ROOM.operations[name].shown) <= set(output.members)


@pytest.mark.parametrize(("operation", "member", "says"), overlay_entries("sts"))
def test_the_model_does_not_say_what_the_overlay_says(operation: str, member: str, says: dict[str, object]) -> None:
    shape = MODEL[operation].input
    assert shape is not None
    modelled = shape.members[member].shape

    assert not {key: getattr(modelled, key) for key in says}.items() & says.items()
