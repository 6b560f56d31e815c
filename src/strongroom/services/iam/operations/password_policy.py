"""The account's password policy."""

from __future__ import annotations

from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Mode, everything
from strongroom.kernel.storage.port import Transaction
from strongroom.services.iam.errors import NoSuchEntityException
from strongroom.services.iam.principals import GENERATION
from strongroom.services.iam.room import operation
from strongroom.services.iam.rules.password_policy import asked_policy
from strongroom.services.iam.store import accounts


@operation("UpdateAccountPasswordPolicy", mode=Mode.WRITE, locate=everything)
def update_account_password_policy(call: Call, found: None, tx: Transaction) -> Answer:  # noqa: ARG001
    """Another policy; what is left out has its default again. Source: API reference."""
    accounts.set_password_policy(tx, call.account, asked_policy(call.params))
    tx.raise_generation(call.account, GENERATION)  # it may give every user a permission
    return {}


@operation("GetAccountPasswordPolicy", mode=Mode.READ, locate=everything)
def get_account_password_policy(call: Call, found: None, tx: Transaction) -> Answer:  # noqa: ARG001
    """The account's own policy. Source: API reference, GetAccountPasswordPolicy: NoSuchEntity where none is set."""
    policy = accounts.password_policy(tx, call.account)
    if policy is None:
        raise NoSuchEntityException(f"The Password Policy with domain name {call.account} cannot be found.")
    return {"PasswordPolicy": policy}


@operation("DeleteAccountPasswordPolicy", mode=Mode.WRITE, locate=everything)
def delete_account_password_policy(call: Call, found: None, tx: Transaction) -> Answer:  # noqa: ARG001
    """AWS's default policy again. Source: API reference, DeleteAccountPasswordPolicy."""
    if accounts.password_policy(tx, call.account) is None:
        raise NoSuchEntityException("The account policy with name PasswordPolicy cannot be found.")
    accounts.set_password_policy(tx, call.account, None)
    tx.raise_generation(call.account, GENERATION)
    return {}
