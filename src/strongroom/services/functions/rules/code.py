"""Zips of code: whether they can be unpacked, and how large they become.

Source: facts lambda-and-others, sections 1.2 and 1.8.
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile

from strongroom.services.functions import errors

ZIPPED_BYTES = 52_428_800
UNZIPPED_BYTES = 262_144_000
_MOST_FILES = 100_000


def check_zip(packed: bytes) -> int:
    """How large a zip says that it becomes. Raises what Lambda answers for what is no zip, or too large.

    What it says is not believed when it is unpacked: that is bounded too.
    """
    if len(packed) > ZIPPED_BYTES:
        raise errors.RequestTooLargeException(errors.ZIPPED_TOO_LARGE)
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError):
        raise errors.invalid(errors.BAD_ZIP) from None
    if not entries or len(entries) > _MOST_FILES or any(entry.flag_bits & 1 for entry in entries):
        raise errors.invalid(errors.BAD_ZIP)
    total = sum(entry.file_size for entry in entries)
    if total >= UNZIPPED_BYTES:
        raise errors.invalid(errors.UNZIPPED_TOO_LARGE)
    return total


def fingerprint(packed: bytes) -> str:
    """CodeSha256: base64 of the zip's SHA-256."""
    return base64.b64encode(hashlib.sha256(packed).digest()).decode("ascii")
