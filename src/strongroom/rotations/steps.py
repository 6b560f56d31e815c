"""The four steps, written once: each may be cut off anywhere and called again with the same token.

INVARIANT: a value is stored under the token before the target hears of it, and the stored one is never replaced, so
that at every moment some stored version opens the target.

Source: Secrets Manager User Guide, "Lambda functions for rotation"; facts secretsmanager 9.1, rotation 1 and 4.
"""

from __future__ import annotations

from strongroom.rotations.contract import Attempt, Plan
from strongroom.rotations.errors import RotationError
from strongroom.rotations.secret import CURRENT, PENDING, PREVIOUS, Secret


def run_step(step: str, secret: Secret, plan: Plan) -> None:
    """Do one step. Raises RotationError, or what boto3 raises."""
    doing = _STEPS.get(step)
    if doing is None:
        raise RotationError(f"there is no step {step!r}")
    stages = secret.stages()
    if secret.token not in stages:
        raise RotationError(f"Secret version {secret.token} has no stage for rotation of secret {secret.arn}.")
    if CURRENT in stages[secret.token]:
        if step == "finishSecret":
            # The labels moved and the answer was lost, perhaps before the target was told to forget.
            plan.retire(secret.current(), secret.read(PREVIOUS))
        return
    if PENDING not in stages[secret.token]:
        raise RotationError(f"Secret version {secret.token} not set as AWSPENDING for rotation of secret {secret.arn}.")
    doing(secret, plan, stages)


def _create(secret: Secret, plan: Plan, stages: dict[str, list[str]]) -> None:  # noqa: ARG001
    current = secret.current()
    if secret.read(PENDING, secret.token) is None:
        attempt = Attempt(secret.token, secret.read(PREVIOUS), secret.reserved)
        secret.store(plan.create(current, attempt))


def _set(secret: Secret, plan: Plan, stages: dict[str, list[str]]) -> None:  # noqa: ARG001
    plan.set(secret.pending(), secret.current(), secret.read(PREVIOUS))


def _test(secret: Secret, plan: Plan, stages: dict[str, list[str]]) -> None:  # noqa: ARG001
    # RotateImmediately=false asks for this step alone: then nothing is pending, and what is current is tried.
    pending = secret.read(PENDING, secret.token)
    plan.test(secret.current() if pending is None else pending)


def _finish(secret: Secret, plan: Plan, stages: dict[str, list[str]]) -> None:
    pending = secret.pending()
    old = secret.read(CURRENT)
    secret.finish(stages)
    plan.retire(pending, old)


_STEPS = {"createSecret": _create, "setSecret": _set, "testSecret": _test, "finishSecret": _finish}
