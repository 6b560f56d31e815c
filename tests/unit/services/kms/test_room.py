"""The room offers or refuses every modelled operation, and its additions to the model are needed."""

import pytest

from strongroom.kernel.model.catalogue import CATALOGUE
from strongroom.kernel.model.overlay import overlay_entries
from strongroom.kernel.registry import Mode, Registry
from strongroom.services import kms
from strongroom.services.kms.jobs import DELETE_KEY, delete_key
from strongroom.services.kms.room import ROOM


def test_every_modelled_operation_is_offered_or_refused_and_none_is_both() -> None:
    modelled = set(CATALOGUE.service("kms").operations)
    assert modelled == set(ROOM.operations) | set(ROOM.refused)
    assert set() == set(ROOM.operations) & set(ROOM.refused)


@pytest.mark.parametrize(("operation", "member", "says"), overlay_entries("kms"))
def test_the_model_does_not_already_say_this(operation: str, member: str, says: dict[str, object]) -> None:
    model = CATALOGUE.operation("kms", operation).input
    assert model is not None
    shape = model.members[member].shape
    assert not says.items() & {"min": shape.min, "max": shape.max}.items()


def test_every_operation_asks_for_a_permission_of_kms() -> None:
    assert all((one.action or "").startswith("kms:") for one in ROOM.operations.values())


def test_what_only_reads_rows_is_no_write() -> None:
    """A KMS use is a management event that CloudTrail marks readOnly. Source: facts, kms, section 18."""
    using = {"Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext"}
    assert {Mode.READ} == {ROOM.operations[name].mode for name in using}


def test_the_room_registers_itself_and_its_job() -> None:
    registry = Registry()
    kms.register(registry)
    assert ROOM is registry.rooms["kms"]
    assert delete_key is registry.jobs[DELETE_KEY]
