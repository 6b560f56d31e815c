"""Virtual MFA devices: seeds made and sealed, codes judged. A code is good once; guesses are few.

Time is the machine's, as that of the device in somebody's hand.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from urllib.parse import quote

from strongroom.base.classes import dataclass, field
from strongroom.base.entropy import Entropy
from strongroom.kernel.call import Call
from strongroom.kernel.crypto import totp
from strongroom.kernel.sealing.keyring import Keyring
from strongroom.kernel.storage.port import Transaction
from strongroom.services.iam import attempts
from strongroom.services.iam.rules import qrcodes
from strongroom.services.iam.store import devices
from strongroom.services.iam.store.devices import Device

PURPOSE = "iam-mfa-seed"
_SEED_BYTES = 40
"""64 characters of base32, as AWS makes them."""
_AROUND = 1
"""Codes of one step before and after are taken: a minute and a half in all. Source: RFC 6238, section 5.2."""
_RESYNC = 100
"""How far a device may have run away when it is enabled or resynchronised: 50 minutes. Our choice."""


@dataclass(frozen=True, slots=True)
class Seed:
    """A new seed: sealed; and, shown this once, in base32 and as a picture (None where the names are too long)."""

    sealed: bytes = field(repr=False)
    base32: bytes = field(repr=False)
    picture: bytes | None = field(repr=False)


def new_seed(serial: str, name: str, account: str, entropy: Entropy, keyring: Keyring) -> Seed:
    """A seed for a new device. Source: API reference, VirtualMFADevice, QRCodePNG: what the picture says."""
    seed = entropy.take(_SEED_BYTES)
    base32 = base64.b32encode(seed)
    uri = f"otpauth://totp/{quote(name, safe='')}@{account}?secret={base32.decode('ascii')}"
    return Seed(keyring.seal(PURPOSE, seed, serial.encode()), base32, qrcodes.png(uri))


def use(call: Call, tx: Transaction, device: Device, code: str) -> bool:
    """Whether a code is the device's now, and was not used before. Uses it up, or counts a wrong guess: raises
    NeedsWrite for either where the transaction only reads.
    """
    now = call.machine_now
    if not attempts.may_try(tx, device.serial, now):
        return False
    here = totp.step_at(now.timestamp()) + device.drift
    step = _step_of(call, device, code, range(here - _AROUND, here + _AROUND + 1))
    if step is None or step <= device.last_step:
        attempts.wrong(call, tx, device.serial, now)
        return False
    attempts.right(tx, device.serial)
    return devices.use(tx, device, step, device.drift + step - here)


def found_pair(call: Call, tx: Transaction, device: Device, first: str, second: str) -> tuple[int, int] | None:
    """(drift, step) of two codes that follow each other, not used before; None where they do not, which counts as a
    wrong guess.
    """
    now = call.machine_now
    if not attempts.may_try(tx, device.serial, now):
        return None
    here = totp.step_at(now.timestamp())
    around = sorted(range(here - _RESYNC, here + _RESYNC + 1), key=lambda step: abs(step - here))
    step = _step_of(call, device, first, around)
    if step is None or step <= device.last_step or _step_of(call, device, second, (step + 1,)) is None:
        attempts.wrong(call, tx, device.serial, now)
        return None
    attempts.right(tx, device.serial)
    return step + 1 - here, step + 1


def _step_of(call: Call, device: Device, code: str, steps: Iterable[int]) -> int | None:
    seed = call.kernel.keyring.open(PURPOSE, device.sealed, device.serial.encode())
    return totp.step_of(seed, code, steps)
