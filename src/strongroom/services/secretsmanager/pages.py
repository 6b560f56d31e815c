"""Page tokens: where a list goes on, sealed, and good only for whoever got it, for the same question.

Source: facts secretsmanager section 12 ("NextToken"). Our choice: bound to account, Region, principal,
operation and every parameter but MaxResults and the token itself.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

import orjson

from strongroom.kernel.call import Call
from strongroom.kernel.sealing.keyring import SealBroken
from strongroom.services.secretsmanager import errors

PURPOSE = "page-token"
_FREE = frozenset({"MaxResults", "NextToken"})


def place_after(call: Call) -> tuple[Any, int] | None:
    """Where the request's token says that the page begins; None for the first page.

    Raises InvalidNextTokenException for any token that was not given out for this very question.
    """
    token = call.get("NextToken")
    if token is None:
        return None
    try:
        sealed = base64.b64decode(token, altchars=b"-_", validate=True)
        value, pk = orjson.loads(call.kernel.keyring.tokens.open(PURPOSE, sealed, _bound(call)))
    except (SealBroken, binascii.Error, ValueError):
        raise errors.InvalidNextTokenException("You provided an invalid NextToken value.") from None
    return value, pk


def token_for(call: Call, place: tuple[Any, int]) -> str:
    """The token with which the same caller asks for what comes after a place."""
    sealed = call.kernel.keyring.tokens.seal(PURPOSE, orjson.dumps(place), _bound(call))
    return base64.urlsafe_b64encode(sealed).decode()


def _bound(call: Call) -> bytes:
    asked = {member: value for member, value in call.params.items() if member not in _FREE}
    return orjson.dumps(
        [call.service, call.name, call.account, call.region, call.principal.arn, asked],
        option=orjson.OPT_SORT_KEYS,
    )
