"""The operator's commands that touch the store, as they come over the admin socket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from strongroom.app.administrators import administrator, tell
from strongroom.app.opened import opened_roots
from strongroom.base.clock import iso_seconds
from strongroom.base.entropy import Entropy
from strongroom.base.names import is_account_id
from strongroom.kernel import rewrap, roots
from strongroom.kernel.recorder import Recorder
from strongroom.kernel.storage.open import open_store
from strongroom.kernel.storage.port import Store, Transaction
from strongroom.server.parts import StartRefused
from strongroom.services import iam, local

if TYPE_CHECKING:
    from strongroom.app.product import Product


def admin(product: Product, command: Mapping[str, Any], root_key: bytes | None) -> Mapping[str, Any]:
    """One command of the admin socket that touches the store."""
    store = open_store(product.settings.store_url)
    try:
        if command.get("do") == "clock status":
            return _clock_status(product, store)
        if command.get("do") == "seal standing":
            return _seal_standing(product, store)
        if root_key is None:
            raise StartRefused("The server is sealed: unseal it first.")
        return _administer(product, store, root_key, command)
    finally:
        store.close()


def _administer(product: Product, store: Store, root_key: bytes, command: Mapping[str, Any]) -> Mapping[str, Any]:
    journal = product.journal("admin")
    recorder = Recorder(journal, store, product.clock)
    try:
        with store.write() as tx:
            keyring = opened_roots(tx, root_key, product.entropy).keyring
            if command.get("do") == "account create":
                account = command.get("account") or _new_account(product.entropy)
                if not is_account_id(account):
                    raise StartRefused(f"An account id is 12 digits; {account!r} is not.")
                if iam.account_exists(tx, account):
                    raise StartRefused(f"Account {account} exists already.")
                return administrator(product, tx, account, keyring, recorder, "CreateAccount").told()
            if command.get("do") == "admin reset":
                return administrator(
                    product, tx, product.facts(tx).account, keyring, recorder, "ResetAdministrator"
                ).told()
            if command.get("do") == "seal changed":
                details = {"from": command["from"], "to": command["to"]}
                tell(product, tx, recorder, "ChangeSeal", product.facts(tx).account, details)
                return {}
            if command.get("do") == "seal forget":
                return _forget_node(product, tx, recorder, str(command.get("node", "")))
        raise StartRefused(f"There is no admin command {command.get('do')!r}.")
    finally:
        journal.close()


def _forget_node(product: Product, tx: Transaction, recorder: Recorder, node: str) -> Mapping[str, Any]:
    if node == product.node():
        raise StartRefused("This node itself cannot be forgotten: it is running.")
    if not roots.forget_holder(tx, node):
        raise StartRefused(f"There is no node {node!r}.")
    tell(product, tx, recorder, "ForgetNode", product.facts(tx).account, {"node": node})
    return {"node": node}


def _seal_standing(product: Product, store: Store) -> Mapping[str, Any]:
    """How the root keys stand, and how far a rotation is."""
    with store.read() as tx:
        told = dict(roots.standing(tx))
        progress = rewrap.progress_of(roots.stored(tx)[-1].progress)
        nodes = roots.holders(tx)
    if progress is not None and told["rotating"]:
        told["progress"] = {
            "rewrapped": progress.done,
            "total": max(progress.total, 0),
            "finished": progress.finished,
            "broken": progress.broken,
        }
    return {**told, "node": product.node(), "nodes": dict(nodes)}


def _clock_status(product: Product, store: Store) -> Mapping[str, Any]:
    with store.read() as tx:
        facts = product.facts(tx)
        offset = local.clock_offset(tx)
    machine = product.clock()
    return {
        "now": iso_seconds(machine + offset),
        "machine": iso_seconds(machine),
        "offset_seconds": int(offset.total_seconds()),
        "dev_clock": facts.dev_clock,
    }


def _new_account(entropy: Entropy) -> str:
    return f"{100_000_000_000 + int.from_bytes(entropy.take(8), 'big') % 900_000_000_000}"
