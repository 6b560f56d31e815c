"""Who is this? Of the caller, of an access key id, and of whoever was refused."""

from __future__ import annotations

from typing import Any

from strongroom.base.keyids import account_of
from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Mode
from strongroom.kernel.sealing.messages import MessageBroken, decode_message
from strongroom.kernel.storage.port import Transaction
from strongroom.services.sts.errors import InvalidAuthorizationMessageException, invalid
from strongroom.services.sts.room import ROOM


@ROOM.operation("GetCallerIdentity", mode=Mode.READ, action=None)
def get_caller_identity(call: Call, found: Any, tx: Transaction) -> Answer:  # noqa: ARG001
    """The caller.

    Source: API reference, GetCallerIdentity: no permission is needed, and none can be denied.
    """
    caller = call.principal
    return {"UserId": caller.user_id, "Account": caller.account, "Arn": caller.arn}


@ROOM.operation("GetAccessKeyInfo", mode=Mode.READ)
def get_access_key_info(call: Call, found: Any, tx: Transaction) -> Answer:  # noqa: ARG001
    """The account that an access key id names, whether the key exists or not.

    Source: API reference, GetAccessKeyInfo.
    """
    account = account_of(call["AccessKeyId"])
    if account is None:
        raise invalid(f"{call['AccessKeyId']} is invalid")
    return {"Account": account}


@ROOM.operation("DecodeAuthorizationMessage", mode=Mode.READ)
def decode_authorization_message(call: Call, found: Any, tx: Transaction) -> Answer:  # noqa: ARG001
    """What a refusal's encoded message says. Source: API reference, DecodeAuthorizationMessage."""
    try:
        return {"DecodedMessage": decode_message(call.kernel.keyring, call.account, call["EncodedMessage"])}
    except MessageBroken:
        raise InvalidAuthorizationMessageException("The encoded message is not valid.") from None
