"""Whether and how a target is spoken to under TLS, as ``ssl`` in the secret says.

``"ssl": false`` is plain; everything else is TLS with a checked certificate.
Our choice: AWS's templates fall back to plain text where ``ssl`` is absent and TLS does not come about; anybody on the
way can make them. Here that is an error that says how to allow it.
Certificates are checked against the function's CA bundle, or against ``ca`` in the secret: PEM text.
"""

from __future__ import annotations

import atexit
import os
import shutil
import ssl
import tempfile
from pathlib import Path

from strongroom.rotations.contract import Value
from strongroom.rotations.errors import BadSecret

_BUNDLE = "/etc/pki/tls/cert.pem"
_MOST_WRITTEN = 16
_written: dict[str, Path] = {}
"""Authorities that this process has put into a file, for drivers that read files; the files end with the process."""
PLAIN_MEND = 'give the target a certificate, or allow plain text by "ssl": false in the secret'


def wanted(value: Value) -> bool:
    """Whether this target is to be spoken to under TLS: unless its secret says false, as a boolean or a word."""
    found = value.get("ssl", True)
    return not (found is False or (isinstance(found, str) and found.strip().lower() == "false"))


def bundle(value: Value) -> str:
    """The file of authorities that may vouch for the target."""
    own = value.get("ca")
    if own is None:
        return os.environ.get("AWS_CA_BUNDLE") or _BUNDLE
    if not isinstance(own, str) or "BEGIN CERTIFICATE" not in own:
        raise BadSecret("ca in the secret JSON must be a certificate in PEM form")
    if own not in _written:
        if len(_written) >= _MOST_WRITTEN:
            forget()
        # A directory that nobody else can have made before us.
        file = Path(tempfile.mkdtemp(), "ca.pem")
        _written[own] = file
        file.write_text(own, "ascii")
    return str(_written[own])


@atexit.register
def forget() -> None:
    """Remove the files that ``bundle`` has made; at the end of the process by itself."""
    for file in _written.values():
        shutil.rmtree(file.parent, ignore_errors=True)
    _written.clear()


def context(value: Value) -> ssl.SSLContext:
    """A context that checks certificate and host name."""
    try:
        return ssl.create_default_context(cafile=bundle(value))
    except (ssl.SSLError, OSError) as error:
        raise BadSecret(f"the certificate authorities cannot be read: {type(error).__name__}") from None
