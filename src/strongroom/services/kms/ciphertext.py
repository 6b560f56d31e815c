"""The outermost form of a ciphertext: a sealed message and a check over all of it.

The message names its key in the clear, and which key it is decides which refusal is told. Without the check a bit
flipped in that name would be told as another key's ciphertext, or as a key that is not there. The check is no secret
and proves nothing: whoever makes it again is told what AWS tells of another key's ciphertext (decision 0024).

Form: message (kernel.sealing.envelope) | first 8 bytes of SHA-256 of the message.
"""

from __future__ import annotations

from strongroom.kernel.crypto.digests import same, sha256
from strongroom.services.kms import errors

CHECK_BYTES = 8


def with_check(message: bytes) -> bytes:
    """The ciphertext of a sealed message."""
    return message + sha256(message)[:CHECK_BYTES]


def message_of(ciphertext: bytes) -> bytes:
    """The sealed message of a ciphertext. Raises InvalidCiphertextException where it is damaged, or none of ours."""
    message = ciphertext[:-CHECK_BYTES]
    if not same(sha256(message)[:CHECK_BYTES], ciphertext[-CHECK_BYTES:]):
        raise errors.InvalidCiphertextException
    return message
