"""Virtual MFA devices: seeds made and sealed, codes judged. A code is good once; guesses are few.

Time is the machine's, as that of the device in somebody's hand.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from strongroom.base.entropy import Entropy
from strongroom.kernel.crypto import totp
from strongroom.kernel.sealing.keyring import Keyring
from strongroom.kernel.storage.port import Transaction
from strongroom.services.iam.store import devices
from strongroom.services.iam.store.devices import Device

PURPOSE = "iam-mfa-seed"
_SEED_BYTES = 40
"""64 characters of base32, as AWS makes them."""
_AROUND = 1
"""Codes of one step before and after are taken: a minute and a half in all. Source: RFC 6238, section 5.2."""
_RESYNC = 100
"""How far a device may have run away when it is enabled or resynchronised: 50 minutes. Our choice."""
FAILURES_AT_MOST = 5
PAUSE_SECONDS = 60
_REMEMBERED = 10_000


@dataclass(slots=True)
class Attempts:
    """Wrong codes of late, by device, in this process. After five, no code is judged for a minute.

    Our choice: not in the store, since a refused call changes nothing there. A guesser has five attempts
    a minute and worker, against three good codes of a million.
    """

    _failed: dict[str, tuple[int, float]] = field(default_factory=dict)

    def may_try(self, serial: str, now: datetime) -> bool:
        """Whether a code of this device is judged now."""
        count, last = self._failed.get(serial, (0, 0.0))
        return count < FAILURES_AT_MOST or now.timestamp() - last >= PAUSE_SECONDS

    def failed(self, serial: str, now: datetime) -> None:
        """Count a wrong code."""
        count, last = self._failed.get(serial, (0, 0.0))
        moment = now.timestamp()
        if serial not in self._failed and len(self._failed) >= _REMEMBERED:
            self._failed.pop(next(iter(self._failed)))
        self._failed[serial] = (1 if moment - last >= PAUSE_SECONDS else count + 1, moment)

    def passed(self, serial: str) -> None:
        """Forget the wrong codes: a good one came."""
        self._failed.pop(serial, None)


ATTEMPTS = Attempts()


def new_seed(serial: str, entropy: Entropy, keyring: Keyring) -> tuple[bytes, bytes]:
    """A new seed: sealed, and in base32 as it is shown this once."""
    seed = entropy.take(_SEED_BYTES)
    return keyring.seal(PURPOSE, seed, serial.encode()), base64.b32encode(seed)


def use(tx: Transaction, keyring: Keyring, device: Device, code: str, now: datetime) -> bool:
    """Whether a code is the device's now, and was not used before. Uses it up. Raises NeedsWrite where it is good
    and the transaction only reads.
    """
    here = totp.step_at(now.timestamp()) + device.drift
    step = _judged(keyring, device, code, range(here - _AROUND, here + _AROUND + 1), now)
    if step is None or step <= device.last_step:
        return False
    return devices.use(tx, device, step, device.drift + step - here)


def found_pair(keyring: Keyring, device: Device, first: str, second: str, now: datetime) -> tuple[int, int] | None:
    """(drift, step) of two codes that follow each other, not used before; None where they do not."""
    here = totp.step_at(now.timestamp())
    around = sorted(range(here - _RESYNC, here + _RESYNC + 1), key=lambda step: abs(step - here))
    step = _judged(keyring, device, first, around, now)
    if step is None:
        return None
    if step <= device.last_step or _judged(keyring, device, second, (step + 1,), now) is None:
        return None
    return step + 1 - here, step + 1


def _judged(keyring: Keyring, device: Device, code: str, steps: Iterable[int], now: datetime) -> int | None:
    if not ATTEMPTS.may_try(device.serial, now):
        return None
    seed = keyring.open(PURPOSE, device.sealed, device.serial.encode())
    step = totp.step_of(seed, code, steps)
    if step is None:
        ATTEMPTS.failed(device.serial, now)
    else:
        ATTEMPTS.passed(device.serial)
    return step
