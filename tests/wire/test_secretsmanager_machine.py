"""Any order of operations on one secret and its copy keeps the laws of labels: shown through the whole product.

After each step: AWSCURRENT is on exactly one version once a value exists, no label is on two, no version that carries
a label is lost, every version with a value still reads as it was written, and the copy agrees.
"""

from __future__ import annotations

import uuid
from typing import Any

from botocore.exceptions import ClientError
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from tests.inprocess import Account, InProcess
from tests.wire.test_secretsmanager_rotation import make_function

LABELS = st.sampled_from(["AWSCURRENT", "AWSPENDING", "AWSPREVIOUS", "X", "Y"])
REFUSALS = {"InvalidParameterException", "InvalidRequestException", "ResourceNotFoundException"}


class OneSecret(RuleBasedStateMachine):
    """A secret, its copy in another Region, and what was written to it."""

    here: Any
    there: Any
    function: str

    def __init__(self) -> None:
        super().__init__()
        self.name = f"s-{uuid.uuid4().hex}"
        self.values: dict[str, str] = {}
        self.reserved: list[str] = []
        self.scheduled = False
        self.copied = False
        self.here.create_secret(Name=self.name)

    def ask(self, method: str, **params: Any) -> dict[str, Any] | None:
        """The answer, or None where the operation does not allow it now."""
        try:
            answer: dict[str, Any] = getattr(self.here, method)(SecretId=self.name, **params)
        except ClientError as refused:
            assert refused.response["Error"]["Code"] in REFUSALS, refused
            return None
        return answer

    def known(self) -> list[str]:
        return [*self.values, *self.reserved]

    @rule(named=st.sets(LABELS, max_size=3))
    def put(self, named: set[str]) -> None:
        value = uuid.uuid4().hex
        stages = {"VersionStages": sorted(named)} if named else {}
        answer = self.ask("put_secret_value", SecretString=value, **stages)
        if answer is not None:
            self.values[answer["VersionId"]] = value
            # AWSPREVIOUS beside AWSCURRENT goes to the version that was current.
            assert named - {"AWSPREVIOUS"} <= set(answer["VersionStages"])

    @rule()
    def update(self) -> None:
        value = uuid.uuid4().hex
        answer = self.ask("update_secret", SecretString=value)
        if answer is not None:
            self.values[answer["VersionId"]] = value

    @precondition(lambda self: self.reserved)
    @rule(data=st.data())
    def fill(self, data: st.DataObject) -> None:
        """What a rotation function does with the version that was reserved for it."""
        version = data.draw(st.sampled_from(self.reserved))
        value = uuid.uuid4().hex
        given = {"ClientRequestToken": version, "SecretString": value, "VersionStages": ["AWSPENDING"]}
        if self.ask("put_secret_value", **given) is not None:
            self.reserved.remove(version)
            self.values[version] = value

    @precondition(lambda self: self.values or self.reserved)
    @rule(data=st.data(), label=LABELS)
    def move(self, data: st.DataObject, label: str) -> None:
        target = data.draw(st.sampled_from(self.known()))
        holder = {"RemoveFromVersionId": at} if (at := self.held(self.here).get(label)) else {}
        self.ask("update_secret_version_stage", VersionStage=label, MoveToVersionId=target, **holder)

    @rule(label=LABELS)
    def take_off(self, label: str) -> None:
        at = self.held(self.here).get(label)
        if at is not None:
            answer = self.ask("update_secret_version_stage", VersionStage=label, RemoveFromVersionId=at)
            assert answer is None or label != "AWSCURRENT"

    @rule(at_once=st.booleans())
    def rotate(self, at_once: bool) -> None:
        rules = {"AutomaticallyAfterDays": 30}
        told = {"RotationLambdaARN": self.function, "RotationRules": rules, "RotateImmediately": at_once}
        current = self.held(self.here).get("AWSCURRENT")
        answer = self.ask("rotate_secret", **told)
        if answer is None:
            return
        if at_once or current is None:
            self.reserved.append(answer["VersionId"])
        else:  # a test of the rotation: its version has the current value
            self.values[answer["VersionId"]] = self.values[current]

    @rule()
    def cancel(self) -> None:
        self.ask("cancel_rotate_secret")

    @rule()
    def copy(self) -> None:
        if self.ask("replicate_secret_to_regions", AddReplicaRegions=[{"Region": "eu-west-1"}]) is not None:
            self.copied = True

    @rule()
    def delete_or_restore(self) -> None:
        if self.scheduled:
            assert self.ask("restore_secret") is not None
            self.scheduled = False
        else:
            self.scheduled = self.ask("delete_secret") is not None

    def held(self, client: Any) -> dict[str, str]:
        """Which version each label is on; fails where one is on two."""
        shown = client.describe_secret(SecretId=self.name).get("VersionIdsToStages", {})
        found: dict[str, str] = {}
        for version, names in shown.items():
            assert names, "a version without labels is shown"
            for name in names:
                assert name not in found, f"{name} is on two versions"
                found[name] = version
        return found

    @invariant()
    def the_laws_hold(self) -> None:
        held = self.held(self.here)
        assert ("AWSCURRENT" in held) is bool(self.values)
        assert held.get("AWSCURRENT") in (*self.values, None)
        assert set(held.values()) <= set(self.known())
        if self.copied:
            assert held == self.held(self.there)

    def teardown(self) -> None:
        if self.scheduled:
            self.ask("restore_secret")
        for version, value in self.values.items():
            assert value == self.here.get_secret_value(SecretId=self.name, VersionId=version)["SecretString"]
        if self.copied and self.values:
            assert (
                self.here.get_secret_value(SecretId=self.name)["SecretString"]
                == self.there.get_secret_value(SecretId=self.name)["SecretString"]
            )


def test_any_order_of_operations_keeps_the_laws_of_labels(account: Account, strongroom: InProcess) -> None:
    class OfThisAccount(OneSecret):
        here = account.client("secretsmanager")
        there = account.client("secretsmanager", "eu-west-1")
        function = make_function(account)

    # Only the operations of the machine shall move labels, so no rotation of it ever comes through.
    account.client("lambda").put_function_concurrency(
        FunctionName=OfThisAccount.function, ReservedConcurrentExecutions=0
    )

    run_state_machine_as_test(
        OfThisAccount,
        settings=settings(
            max_examples=10,
            stateful_step_count=12,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
