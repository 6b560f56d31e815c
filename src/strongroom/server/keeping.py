"""Bringing a node's seal, and what else of the node lies under the root key, up to a new root key.

Everything here runs in a process of its own (``errand.py``): it waits for stores, tokens and commands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from strongroom.base.entropy import SystemEntropy
from strongroom.kernel.sealing.files import SealFailure
from strongroom.kernel.sealing.keyring import Keyring
from strongroom.kernel.sealing.seals import Seal
from strongroom.server.certificates import OwnCertificates
from strongroom.server.parts import Parts, StartRefused


def brought_up(
    parts: Parts, seal: Seal, certificates: OwnCertificates | None, root_key: bytes, secret: bytes | None
) -> bytes:
    """The root key that seals now, kept by this node's seal from now on, with nothing of the node under an older one.

    Where no root key is being replaced, that is the given one and nothing is done. Each step can be repeated: the
    seal first, then the files, and last the store, which then may forget the older root.
    Raises SealFailure, StartRefused.
    """
    newest, *older = parts.newest_root(root_key)
    if newest == root_key and not older:
        return root_key
    if newest != root_key:
        seal.keep(newest, SystemEntropy(), secret)
    if certificates is not None:
        certificates.rewrap(Keyring(newest, older=older))
    parts.hold(newest)
    return newest


def told_plainly(work: Callable[[], Mapping[str, Any]]) -> Callable[[], Mapping[str, Any]]:
    """The same work, with a seal's failure as the refusal that an errand answers with."""

    def done() -> Mapping[str, Any]:
        try:
            return work()
        except SealFailure as failure:
            raise StartRefused(str(failure)) from None

    return done
