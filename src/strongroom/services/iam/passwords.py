"""Login passwords: stretched with Argon2id, then sealed. Neither the store nor the root key alone lets one guess.

All passwords of a profile share its salt, so that one stretch tells whether a password was used before.
"""

from __future__ import annotations

import base64

import orjson

from strongroom.base.classes import dataclass, field
from strongroom.base.entropy import Entropy
from strongroom.kernel.call import Call
from strongroom.kernel.crypto.digests import same
from strongroom.kernel.crypto.passphrase import SALT_BYTES, Cost, stretch
from strongroom.kernel.sealing.keyring import Keyring
from strongroom.services.iam.store.login_profiles import LoginProfile

PURPOSE = "iam-login-password"
_COST = Cost(memory_kib=19 * 1024, iterations=2, lanes=1)
"""Our choice, decision 0028: a public floor for Argon2id, since what it makes is sealed besides."""
KEPT_AT_MOST = 25
"""The password of today and the 24 that a policy can forbid."""


@dataclass(frozen=True, slots=True)
class Passwords:
    """The stretched passwords of one profile, newest first."""

    salt: bytes = field(repr=False)
    cost: Cost
    stretched: tuple[bytes, ...] = field(repr=False)


def new(entropy: Entropy) -> Passwords:
    """No password yet, with a salt of its own."""
    return Passwords(entropy.take(SALT_BYTES), _COST, ())


def of(keyring: Keyring, profile: LoginProfile) -> Passwords:
    """The passwords of a stored profile. Raises SealBroken where the row was changed behind our back."""
    told = orjson.loads(keyring.open(PURPOSE, profile.sealed, profile.user_id.encode()))
    stretched = tuple(base64.b64decode(one) for one in told["stretched"])
    return Passwords(base64.b64decode(told["salt"]), Cost(**told["cost"]), stretched)


def sealed(keyring: Keyring, user_id: str, one: Passwords) -> bytes:
    """The passwords as they are stored."""
    told = {
        "salt": base64.b64encode(one.salt).decode(),
        "cost": {"memory_kib": one.cost.memory_kib, "iterations": one.cost.iterations, "lanes": one.cost.lanes},
        "stretched": [base64.b64encode(each).decode() for each in one.stretched],
    }
    return keyring.seal(PURPOSE, orjson.dumps(told), user_id.encode())


def stretched(call: Call, one: Passwords, password: str) -> bytes:
    """A password stretched with the profile's salt. Slow; once a call, however often that is run."""
    return call.once((PURPOSE, one.salt, password), lambda: stretch(password.encode(), one.salt, one.cost))


def is_current(one: Passwords, made: bytes) -> bool:
    """Whether a stretched password is the one of today. Compared in constant time."""
    return bool(one.stretched) and same(one.stretched[0], made)


def was_used(one: Passwords, made: bytes, last: int) -> bool:
    """Whether a stretched password is among the last ones."""
    return any(same(each, made) for each in one.stretched[:last])


def with_newest(one: Passwords, made: bytes) -> Passwords:
    """The passwords with a new one in front."""
    return Passwords(one.salt, one.cost, (made, *one.stretched)[:KEPT_AT_MOST])
