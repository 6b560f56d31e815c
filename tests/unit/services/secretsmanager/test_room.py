"""The room against the service model: nothing forgotten, nothing declared that AWS has not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from strongroom.kernel.model.catalogue import CATALOGUE
from strongroom.kernel.model.overlay import overlay_entries
from strongroom.kernel.registry import Mode, Registry
from strongroom.services import secretsmanager
from strongroom.services.secretsmanager import errors, room
from strongroom.services.secretsmanager.errors import SecretsManagerError
from strongroom.services.secretsmanager.operations import ROOM
from strongroom.services.secretsmanager.rules.states import STATES

MODEL = CATALOGUE.service("secretsmanager")
ON_NO_SECRET = {"BatchGetSecretValue", "CreateSecret", "GetRandomPassword", "ListSecrets"}
HOME = Path(room.__file__).parent


def test_every_modelled_operation_is_offered_or_refused_with_a_reason() -> None:
    assert set(MODEL.operations) == set(ROOM.operations) | set(ROOM.refused)
    assert not set(ROOM.operations) & set(ROOM.refused)


def test_registering_offers_the_operations_and_the_jobs() -> None:
    registry = Registry()
    secretsmanager.register(registry)
    assert ROOM is registry.rooms["secretsmanager"]
    assert ["secretsmanager:purge", "secretsmanager:rotate"] == list(registry.jobs)


def test_every_operation_on_a_secret_has_its_row_of_states() -> None:
    assert set(ROOM.operations) - ON_NO_SECRET <= set(STATES) <= set(MODEL.operations)


def test_every_action_is_named_as_its_operation() -> None:
    assert all(f"secretsmanager:{name}" == one.action for name, one in ROOM.operations.items())


READS = {
    "BatchGetSecretValue",
    "DescribeSecret",
    "GetRandomPassword",
    "GetResourcePolicy",
    "GetSecretValue",
    "ListSecretVersionIds",
    "ListSecrets",
    "ValidateResourcePolicy",
}


def test_reads_run_as_reads_and_all_else_through_the_write_queue() -> None:
    assert READS == {name for name, one in ROOM.operations.items() if one.mode is not Mode.WRITE}


def test_what_takes_more_than_a_millisecond_stays_out_of_the_event_loop() -> None:
    slow = {name for name, one in ROOM.operations.items() if one.mode is Mode.SLOW}
    # BatchGetSecretValue says for itself when it needs time (tests/wire/test_remembered_batches.py).
    assert {"ListSecrets"} == slow


def test_records_repeat_the_arn_of_writes_and_nothing_of_reads() -> None:
    shown = {name: one.shown for name, one in ROOM.operations.items()}
    assert all(shown[name] == (() if name in READS else ("ARN",)) for name in shown)


@pytest.mark.parametrize(("operation", "member", "says"), overlay_entries("secretsmanager"))
def test_the_model_does_not_already_say_this(operation: str, member: str, says: dict[str, Any]) -> None:
    shape = CATALOGUE.service("secretsmanager").operations[operation].input.members[member].shape  # type: ignore[union-attr]
    assert (says.get("min"), says.get("max")) != (shape.min, shape.max)


def test_every_error_of_the_room_is_one_the_model_declares() -> None:
    ours = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, SecretsManagerError)]
    declared = {shape.name for operation in MODEL.operations.values() for shape in operation.errors}
    assert {each.__name__ for each in ours} - {"SecretsManagerError"} <= declared


def test_the_readmes_table_has_a_row_for_each_difference_marked_in_the_code_and_no_other() -> None:
    readme = (HOME / "README.md").read_text()
    table = readme.partition("## Differences from AWS")[2]
    rows = [line for line in table.splitlines() if line.startswith("| ") and not line.startswith(("| what", "| ---"))]
    assert rows, "the table of differences is missing"
    assert all(3 == len([cell for cell in row.strip("|").split("|") if cell.strip()]) for row in rows)
    named = {row.split("|")[1].strip() for row in rows}
    marked = {
        found
        for path in HOME.rglob("*.py")
        for found in re.findall(r"# DIFFERS: ([a-z ,-]+)\.?$", path.read_text(), re.MULTILINE)
    }
    assert marked == named


def test_each_refused_operation_stands_in_the_readme() -> None:
    readme = (HOME / "README.md").read_text()
    assert [] == [name for name in ROOM.refused if name not in readme]
