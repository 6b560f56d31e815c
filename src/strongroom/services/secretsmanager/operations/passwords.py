"""GetRandomPassword."""

from __future__ import annotations

from typing import Any

from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.secretsmanager.room import ROOM
from strongroom.services.secretsmanager.rules import passwords
from strongroom.services.secretsmanager.targets import all_secrets

_KINDS = (
    ("ExcludeUppercase", passwords.UPPERCASE),
    ("ExcludeLowercase", passwords.LOWERCASE),
    ("ExcludeNumbers", passwords.NUMBERS),
    ("ExcludePunctuation", passwords.PUNCTUATION),
)


@ROOM.operation("GetRandomPassword", mode=Mode.READ, locate=all_secrets)
def get_random_password(call: Call, found: Any, tx: Transaction) -> Answer:  # noqa: ARG001
    """Answer with a password of the length and kinds asked for; it is stored nowhere.

    Source: facts secretsmanager section 13.
    """
    recipe = passwords.recipe(
        length=call.get("PasswordLength", passwords.LENGTH_DEFAULT),
        kinds=[kind for excluded, kind in _KINDS if not call.get(excluded)],
        excluded=call.get("ExcludeCharacters", ""),
        space=call.get("IncludeSpace", False),
        require_each=call.get("RequireEachIncludedType", True),
    )
    return {"RandomPassword": passwords.random_password(call.kernel.entropy, recipe)}
