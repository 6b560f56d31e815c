"""Access keys' secrets, seeds of MFA devices and passwords' hashes as they lie under the root key, for its rotation."""

from __future__ import annotations

from strongroom.kernel.rewrap import sealed_rows
from strongroom.services.iam import mfa, passwords, secrets
from strongroom.services.iam.store.tables import access_key, login_profile, mfa_device

SEALED = (
    sealed_rows(
        secrets.PURPOSE,
        access_key.c.sealed,
        access_key.c.id,
        "",
        str.encode,
        told=access_key.c.id.concat(" ").concat(access_key.c.user_id),  # as secrets.bound_to has it
    ),
    sealed_rows(mfa.PURPOSE, mfa_device.c.sealed, mfa_device.c.serial, "", str.encode),
    sealed_rows(passwords.PURPOSE, login_profile.c.sealed, login_profile.c.user_id, "", str.encode),
)
"""Everything of the room that lies under the root key."""
