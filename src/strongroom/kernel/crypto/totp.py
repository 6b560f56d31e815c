"""One-time passwords from the time: six digits every thirty seconds. Pure; nobody here knows what time it is.

Source: RFC 6238 (TOTP) over RFC 4226 (HOTP) with SHA-1, as every authenticator application has it.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Iterable

STEP_SECONDS = 30
DIGITS = 6


def step_at(epoch_seconds: float) -> int:
    """The number of the step that a moment lies in. Source: RFC 6238, section 4.2, T0 = 0."""
    return int(epoch_seconds) // STEP_SECONDS


def code_at(seed: bytes, step: int) -> str:
    """The code of one step. Source: RFC 4226, section 5.3. SHA-1 is what the RFC and all applications use."""
    digest = hmac.digest(seed, struct.pack(">Q", step), hashlib.sha1)
    at = digest[-1] & 0xF
    number = int.from_bytes(digest[at : at + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}d}"


def step_of(seed: bytes, code: str, steps: Iterable[int]) -> int | None:
    """The first of these steps whose code this is; None where it is of none. Compares in constant time."""
    given = code.encode("utf-8", "replace")
    found = None
    for step in steps:
        if step >= 0 and hmac.compare_digest(code_at(seed, step).encode(), given) and found is None:
            found = step
    return found
