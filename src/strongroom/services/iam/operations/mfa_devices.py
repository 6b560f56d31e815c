"""Virtual MFA devices: made for nobody, enabled for a user with two codes in a row, used with STS."""

from __future__ import annotations

from typing import Any

from strongroom.kernel.call import Answer, Call, Target
from strongroom.kernel.registry import Mode, everything
from strongroom.kernel.storage.port import Transaction
from strongroom.services.iam import making, mfa, targets
from strongroom.services.iam.errors import (
    DeleteConflictException,
    EntityAlreadyExistsException,
    InvalidAuthenticationCodeException,
    NoSuchEntityException,
)
from strongroom.services.iam.room import operation
from strongroom.services.iam.rules import forms, paging, quotas, tagging
from strongroom.services.iam.rules.names import USER, Entity, folded
from strongroom.services.iam.store import attempts, devices, entities, tags
from strongroom.services.iam.store.devices import Device

_DEVICES = ("MFADevicesPerUser", 8)


def to_be_made(call: Call, tx: Transaction) -> Target:  # noqa: ARG001
    """The ARN that a new device will have."""
    arn = f"arn:aws:iam::{call.account}:mfa{call.get('Path', '/')}{call['VirtualMFADeviceName']}"
    return Target(arn=arn, account=call.account, named=arn)


def at_device(call: Call, tx: Transaction) -> Target:
    """The device of ``SerialNumber``."""
    serial = call["SerialNumber"]
    found = _own(call, tx)
    missing = None if found else _no_device(serial)
    facts = {} if found is None else tagging.resource_keys(tags.of(tx, serial))
    return Target(arn=serial, account=call.account, found=found, named=serial, missing=missing, facts=facts)


@operation("CreateVirtualMFADevice", mode=Mode.SLOW_WRITE, locate=to_be_made, keys=targets.tags_asked)
def create_virtual_mfa_device(call: Call, found: None, tx: Transaction) -> Answer:  # noqa: ARG001
    """A new device and its seed, shown this once. Source: API reference, CreateVirtualMFADevice."""
    if call.target is None:
        raise RuntimeError("a device is made without a target")
    serial, name = call.target.arn, folded(call["VirtualMFADeviceName"])
    if devices.is_taken(tx, call.account, name) or devices.find(tx, serial) is not None:
        raise EntityAlreadyExistsException("MFADevice entity at the same path and name already exists.")
    quotas.refuse_above(("MFADevicesPerAccount", 5000), devices.count(tx, call.account)[0] + 1)
    # Once: the picture takes tens of milliseconds, which the writer's place is not for.
    seed = call.once(
        "seed",
        lambda: mfa.new_seed(
            serial, call["VirtualMFADeviceName"], call.account, call.kernel.entropy, call.kernel.keyring
        ),
    )
    device = Device(serial, call.account, name, None, None, 0, 0, seed.sealed)
    devices.add(tx, device)
    making.tag_new(call, tx, device)
    held = tags.of(tx, serial)
    told = {"SerialNumber": serial, "Base32StringSeed": seed.base32}
    if seed.picture is not None:
        told["QRCodePNG"] = seed.picture
    return {"VirtualMFADevice": told | ({"Tags": tagging.wire_form(held)} if held else {})}


@operation("EnableMFADevice", mode=Mode.WRITE, locate=targets.at_name(USER))
def enable_mfa_device(call: Call, user: Entity, tx: Transaction) -> Answer:
    """Give a device to a user who has shown two codes in a row. Source: API reference, EnableMFADevice."""
    device = _own(call, tx)
    if device is None:
        raise _no_device(call["SerialNumber"])
    if device.user_id is not None:
        raise EntityAlreadyExistsException("MFA Device already in use.")
    quotas.refuse_above(_DEVICES, len(devices.of_user(tx, user.id)) + 1)
    drift, step = _paired(call, tx, device)
    devices.assign(tx, device, user.id, call.now, drift, step)
    return {}


@operation("ResyncMFADevice", mode=Mode.WRITE, locate=targets.at_name(USER))
def resync_mfa_device(call: Call, user: Entity, tx: Transaction) -> Answer:
    """Take up a device again whose time has run away. Source: API reference, ResyncMFADevice."""
    device = _of(call, user, tx)
    drift, step = _paired(call, tx, device)
    devices.assign(tx, device, user.id, device.enabled, drift, step)
    return {}


@operation("DeactivateMFADevice", mode=Mode.WRITE, locate=targets.at_user_or_caller)
def deactivate_mfa_device(call: Call, user: Entity, tx: Transaction) -> Answer:
    """Take a device from its user. Source: API reference, DeactivateMFADevice."""
    device = _of(call, user, tx)
    devices.assign(tx, device, None, None, device.drift, device.last_step)
    return {}


@operation("DeleteVirtualMFADevice", mode=Mode.WRITE, locate=at_device)
def delete_virtual_mfa_device(call: Call, device: Device, tx: Transaction) -> Answer:  # noqa: ARG001
    """Delete a device that is nobody's. Source: API reference, DeleteVirtualMFADevice."""
    if device.user_id is not None:
        raise DeleteConflictException("MFA VirtualDevice in use. Must deactivate first.")
    tags.remove_all(tx, device.id)
    attempts.forget(tx, device.serial)
    devices.remove(tx, device)
    return {}


@operation("GetMFADevice", mode=Mode.READ, locate=targets.at_user_or_caller)
def get_mfa_device(call: Call, user: Entity, tx: Transaction) -> Answer:
    """One device of a user. Source: API reference, GetMFADevice."""
    return _form(_of(call, user, tx), user)


@operation("ListMFADevices", mode=Mode.READ, locate=targets.at_user_or_caller)
def list_mfa_devices(call: Call, user: Entity, tx: Transaction) -> Answer:
    """The devices of a user. Source: API reference, ListMFADevices."""
    page = paging.asked_page(call)
    shown = paging.cut(page, devices.of_user(tx, user.id), _serial)
    return paging.answer_page(call, page, "MFADevices", shown, _serial, lambda one: _form(one, user))


@operation("ListVirtualMFADevices", mode=Mode.READ, locate=everything)
def list_virtual_mfa_devices(call: Call, found: None, tx: Transaction) -> Answer:  # noqa: ARG001
    """The devices of the account. Source: API reference, ListVirtualMFADevices."""
    page, wanted = paging.asked_page(call), call.get("AssignmentStatus", "Any")
    shown: list[Device] = []
    after = page.after
    while len(shown) < page.more and (block := devices.page(tx, call.account, after=after, most=page.more)):
        shown += [one for one in block if wanted == "Any" or (wanted == "Assigned") is (one.user_id is not None)]
        after = block[-1].serial

    def form(one: Device) -> dict[str, Any]:
        user = None if one.user_id is None else entities.by_id(tx, one.user_id)
        told: dict[str, Any] = {"SerialNumber": one.serial}
        if user is not None:
            told |= {"User": forms.user(user, tags.of(tx, user.id)), "EnableDate": one.enabled}
        return told

    return paging.answer_page(call, page, "VirtualMFADevices", shown[: page.more], _serial, form)


def _own(call: Call, tx: Transaction) -> Device | None:
    found = devices.find(tx, call["SerialNumber"])
    return found if found is not None and found.account == call.account else None


def _of(call: Call, user: Entity, tx: Transaction) -> Device:
    """The device, if it is this user's. Source: AWS's text for any other."""
    device = _own(call, tx)
    if device is None or device.user_id != user.id:
        raise NoSuchEntityException("MFA Device invalid for user.")
    return device


def _paired(call: Call, tx: Transaction, device: Device) -> tuple[int, int]:
    codes = call["AuthenticationCode1"], call["AuthenticationCode2"]
    found = mfa.found_pair(call, tx, device, *codes)
    if found is None:
        raise InvalidAuthenticationCodeException("Authentication code for device is not valid.")
    return found


def _no_device(serial: str) -> NoSuchEntityException:
    return NoSuchEntityException(f"VirtualMFADevice with serial number {serial} does not exist.")


def _serial(one: Device) -> str:
    return one.serial


def _form(one: Device, user: Entity) -> dict[str, Any]:
    return {"UserName": user.name, "SerialNumber": one.serial, "EnableDate": one.enabled}
