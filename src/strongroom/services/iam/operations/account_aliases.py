"""The alias of an account: one, and nobody else's."""

from __future__ import annotations

from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Mode, everything
from strongroom.kernel.storage.port import Transaction
from strongroom.services.iam.errors import EntityAlreadyExistsException, NoSuchEntityException
from strongroom.services.iam.room import operation
from strongroom.services.iam.rules import paging
from strongroom.services.iam.store import accounts


@operation("CreateAccountAlias", mode=Mode.WRITE, locate=everything)
def create_account_alias(call: Call, found: None, tx: Transaction) -> Answer:  # noqa: ARG001
    """Another alias in the place of the one there. Source: AWS Sign-In User Guide, "Creating an account alias": an
    account has one, a new one overwrites it, and no two accounts have the same.
    """
    alias: str = call["AccountAlias"]
    if accounts.by_alias(tx, alias) is not None:
        raise EntityAlreadyExistsException(f"The account alias {alias} already exists.")
    accounts.set_alias(tx, call.account, alias)
    return {}


@operation("ListAccountAliases", mode=Mode.READ, locate=everything)
def list_account_aliases(call: Call, found: None, tx: Transaction) -> Answer:  # noqa: ARG001
    """The account's alias, if it has one. Source: API reference, ListAccountAliases."""
    alias = accounts.alias_of(tx, call.account)
    page = paging.asked_page(call)
    shown = paging.cut(page, [] if alias is None else [alias], str)
    return paging.answer_page(call, page, "AccountAliases", shown, str, str)


@operation("DeleteAccountAlias", mode=Mode.WRITE, locate=everything)
def delete_account_alias(call: Call, found: None, tx: Transaction) -> Answer:  # noqa: ARG001
    """No alias any more. Source: API reference, DeleteAccountAlias."""
    if accounts.alias_of(tx, call.account) != call["AccountAlias"]:
        raise NoSuchEntityException(f"The account alias {call['AccountAlias']} does not exist.")
    accounts.set_alias(tx, call.account, None)
    return {}
