"""Virtual MFA devices, and what a second factor opens, with stock boto3."""

from __future__ import annotations

import base64
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.inprocess import Account, InProcess
from tests.unit.services.iam.rules.test_qrcodes import read_picture
from tests.wire.test_sts import policy, refused, trust

from strongroom.kernel.crypto.totp import code_at, step_at
from strongroom.services.iam.attempts import FAILURES_AT_MOST
from strongroom.services.iam.store import attempts

FAILED = "MultiFactorAuthentication failed"


class Token:
    """An authenticator application: it knows a seed and what time it is."""

    def __init__(self, iam: Any, name: str) -> None:
        made = iam.create_virtual_mfa_device(VirtualMFADeviceName=name)["VirtualMFADevice"]
        self.serial: str = made["SerialNumber"]
        assert 64 == len(made["Base32StringSeed"])
        self.seed = base64.b32decode(made["Base32StringSeed"])

    def code(self, ahead: int = 0) -> str:
        """The code of now, or of some steps later."""
        return code_at(self.seed, step_at(time.time()) + ahead)

    def pair(self, ahead: int) -> dict[str, str]:
        """Two codes in a row that lie some steps ahead."""
        return {"AuthenticationCode1": self.code(ahead), "AuthenticationCode2": self.code(ahead + 1)}


class World:
    """A user ann with a device that runs late: two codes of a minute ago enabled it, so those since are unused."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.iam = account.client("iam")
        self.iam.create_user(UserName="ann")
        self.token = Token(self.iam, "anns")
        self.iam.enable_mfa_device(UserName="ann", SerialNumber=self.token.serial, **self.token.pair(-3))
        everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        self.iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=policy(everything))
        key = self.iam.create_access_key(UserName="ann")["AccessKey"]
        self.keys = {
            "aws_access_key_id": key["AccessKeyId"],
            "aws_secret_access_key": key["SecretAccessKey"],
        }
        self.sts = account.client("sts", **self.keys)

    def client(self, service: str, answer: dict[str, Any]) -> Any:
        given = answer["Credentials"]
        return self.account.client(
            service,
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given["SessionToken"],
        )


@pytest.fixture
def world(account: Account) -> World:
    return World(account)


def test_a_device_is_enabled_with_two_codes_in_a_row_and_listed(world: World) -> None:
    assert ("ann", world.token.serial) == tuple(
        world.iam.list_mfa_devices(UserName="ann")["MFADevices"][0][key] for key in ("UserName", "SerialNumber")
    )
    assert "ann" == world.iam.get_mfa_device(SerialNumber=world.token.serial, UserName="ann")["UserName"]
    other = Token(world.iam, "spare")
    by_status = {
        status: [
            one["SerialNumber"]
            for one in world.iam.list_virtual_mfa_devices(AssignmentStatus=status)["VirtualMFADevices"]
        ]
        for status in ("Assigned", "Unassigned", "Any")
    }
    assert {
        "Assigned": [world.token.serial],
        "Unassigned": [other.serial],
        "Any": [world.token.serial, other.serial],
    } == by_status
    summary = world.iam.get_account_summary()["SummaryMap"]
    assert (2, 1) == (summary["MFADevices"], summary["MFADevicesInUse"])


def test_the_picture_of_a_new_device_says_what_an_authenticator_needs(account: Account) -> None:
    made = account.client("iam").create_virtual_mfa_device(VirtualMFADeviceName="ann@work")["VirtualMFADevice"]
    seed = made["Base32StringSeed"].decode()

    assert f"otpauth://totp/ann%40work@{account.id}?secret={seed}" == read_picture(made["QRCodePNG"])


def test_codes_that_do_not_follow_each_other_enable_nothing(world: World) -> None:
    token = Token(world.iam, "second")
    wrong = {"AuthenticationCode1": token.code(), "AuthenticationCode2": token.code(5)}
    answer = refused(world.iam.enable_mfa_device, UserName="ann", SerialNumber=token.serial, **wrong)

    assert ("InvalidAuthenticationCode", 403) == (answer[0], answer[2])


def test_the_seed_is_in_no_record_and_sealed_in_the_store(strongroom: InProcess, world: World) -> None:
    shown = base64.b32encode(world.token.seed)
    for path in strongroom.settings.data.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert shown not in content and world.token.seed not in content, path
            assert base64.b64encode(shown) not in content, path


def test_a_session_with_a_second_factor_opens_what_asks_for_it(world: World) -> None:
    account, token = world.account, world.token
    condition = {"Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}
    arn = account.client("iam").create_role(
        RoleName="r", AssumeRolePolicyDocument=trust({"AWS": account.id}, **condition)
    )["Role"]["Arn"]
    asked = {"RoleArn": arn, "RoleSessionName": "night"}
    assert "AccessDenied" == refused(world.sts.assume_role, **asked)[0]

    answer = world.sts.assume_role(**asked, SerialNumber=token.serial, TokenCode=token.code(-1))
    assert answer["AssumedRoleUser"]["Arn"].endswith("assumed-role/r/night")
    plain = world.client("sts", world.sts.get_session_token())
    assert "AccessDenied" == refused(plain.assume_role, **asked)[0]
    with_mfa = world.sts.get_session_token(SerialNumber=token.serial, TokenCode=token.code())
    assert world.client("sts", with_mfa).assume_role(**asked)["Credentials"]
    assert world.client("iam", with_mfa).list_users()["Users"], "a session with MFA may use IAM"


def test_a_code_is_used_once(world: World) -> None:
    code = {"SerialNumber": world.token.serial, "TokenCode": world.token.code(-1)}
    assert world.sts.get_session_token(**code)["Credentials"]

    status, text, _ = refused(world.sts.get_session_token, **code)
    assert ("AccessDenied", True) == (status, text.startswith(FAILED))


def test_attempts_are_throttled_so_that_even_the_right_code_must_wait(world: World) -> None:
    token = world.token
    wrong = next(code for code in ("000000", "111111", "222222") if code not in {token.code(at) for at in range(-6, 3)})
    for _ in range(5):
        assert FAILED in refused(world.sts.get_session_token, SerialNumber=token.serial, TokenCode=wrong)[1]

    assert FAILED in refused(world.sts.get_session_token, SerialNumber=token.serial, TokenCode=token.code(-1))[1]


def test_another_users_device_proves_nothing(world: World) -> None:
    admin = world.account.client("sts")
    answer = refused(admin.get_session_token, SerialNumber=world.token.serial, TokenCode=world.token.code(-1))

    assert FAILED in answer[1]


def test_a_device_goes_only_when_it_is_nobodys_and_a_user_only_without_one(world: World) -> None:
    iam, serial = world.iam, world.token.serial
    iam.delete_access_key(UserName="ann", AccessKeyId=world.keys["aws_access_key_id"])
    assert "DeleteConflict" == refused(iam.delete_virtual_mfa_device, SerialNumber=serial)[0]
    assert "DeleteConflict" == refused(iam.delete_user, UserName="ann")[0]
    iam.resync_mfa_device(UserName="ann", SerialNumber=serial, **world.token.pair(1))
    iam.deactivate_mfa_device(UserName="ann", SerialNumber=serial)
    assert "NoSuchEntity" == refused(iam.deactivate_mfa_device, UserName="ann", SerialNumber=serial)[0]
    iam.delete_virtual_mfa_device(SerialNumber=serial)
    iam.delete_user_policy(UserName="ann", PolicyName="p")
    iam.delete_user(UserName="ann")


def test_another_account_cannot_reach_a_device(strongroom: InProcess, world: World) -> None:
    other = strongroom.account().client("iam")

    assert [] == other.list_virtual_mfa_devices()["VirtualMFADevices"]
    assert "NoSuchEntity" == refused(other.delete_virtual_mfa_device, SerialNumber=world.token.serial)[0]


def test_a_burst_of_guesses_does_not_overtake_its_count(strongroom: InProcess, world: World) -> None:
    """However many come at once, five are judged: those after them are refused unseen, and not counted."""
    token = world.token
    wrong = next(code for code in ("000000", "111111", "222222") if code not in {token.code(at) for at in range(-6, 3)})
    clients = [world.account.client("sts", **world.keys) for _ in range(16)]
    asked = {"SerialNumber": token.serial, "TokenCode": wrong}
    with ThreadPoolExecutor(len(clients)) as pool:
        answers = [told.result() for told in [pool.submit(refused, one.get_session_token, **asked) for one in clients]]

    assert {("AccessDenied", 403)} == {(code, status) for code, _, status in answers}
    with strongroom.worker.asgi.engine.store.read() as tx:  # type: ignore[attr-defined]
        found = attempts.of(tx, token.serial)
    assert found is not None
    assert FAILURES_AT_MOST == found.failed
