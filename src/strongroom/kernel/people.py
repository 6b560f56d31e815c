"""Who is named in a policy that is to be stored, and who it was in one that is shown. Asked of IAM without a principal.

Every room that stores a resource's policy binds it here, reads it for decisions with ``authz.binding.meant``, and
shows it here.
"""

from __future__ import annotations

from strongroom.kernel.authz import binding
from strongroom.kernel.call import Call
from strongroom.kernel.storage.port import Transaction


class NoSuchPrincipal(LookupError):  # noqa: N818  a finding about a policy
    """A policy names a user or role that is not there. Its text is the name as the policy has it."""


def bound(call: Call, tx: Transaction, text: str) -> str:
    """What to store of a policy that was checked already. Raises NoSuchPrincipal.

    Users and roles of other accounts are looked up too, as in AWS.
    """
    roles = call.kernel.roles
    ids: dict[str, str] = {}
    for name in binding.people(text):
        found = roles.person_named(tx, name)
        if found is None:
            raise NoSuchPrincipal(name)
        ids[name] = found
    return binding.stored(text, ids)


def shown(call: Call, tx: Transaction, kept: str) -> str:
    """A stored policy as its owner sees it today."""
    _, ids = binding.given(kept)
    roles = call.kernel.roles
    known = {unique_id: roles.person_of(tx, unique_id) for unique_id in ids.values()}
    return binding.shown(kept, {unique_id: arn for unique_id, arn in known.items() if arn is not None})
