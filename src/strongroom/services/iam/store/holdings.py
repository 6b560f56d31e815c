"""Rows of what users, groups and roles hold: inline policies, and attachments of managed ones."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, func, insert, or_, select, update

from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.services.iam.rules.names import Entity
from strongroom.services.iam.store import entities
from strongroom.services.iam.store.tables import attachment, entity, inline_policy, membership

_GROUPS = select(membership.c.group_id).where(membership.c.user_id == bindparam("holder"))

_INLINE = Statement(
    lambda: (
        select(inline_policy.c.name, inline_policy.c.document)
        .where(inline_policy.c.holder == bindparam("holder"))
        .order_by(inline_policy.c.name)
    )
)
_INLINE_WITH_GROUPS = Statement(
    lambda: (
        select(inline_policy.c.holder, inline_policy.c.name, inline_policy.c.document)
        .where(or_(inline_policy.c.holder == bindparam("holder"), inline_policy.c.holder.in_(_GROUPS)))
        .order_by(inline_policy.c.holder, inline_policy.c.name)
    )
)
_ONE_INLINE = (inline_policy.c.holder == bindparam("which"), inline_policy.c.name == bindparam("which_name"))
_INSERT_INLINE = Statement(
    lambda: insert(inline_policy).values(
        holder=bindparam("which"), name=bindparam("which_name"), document=bindparam("document")
    )
)
_UPDATE_INLINE = Statement(lambda: update(inline_policy).where(*_ONE_INLINE).values(document=bindparam("document")))
_DELETE_INLINE = Statement(lambda: delete(inline_policy).where(*_ONE_INLINE))

_ATTACHED = Statement(
    lambda: (
        select(attachment.c.policy_arn)
        .where(attachment.c.holder == bindparam("holder"))
        .order_by(attachment.c.policy_arn)
    )
)
_ATTACHED_WITH_GROUPS = Statement(
    lambda: (
        select(attachment.c.policy_arn)
        .where(or_(attachment.c.holder == bindparam("holder"), attachment.c.holder.in_(_GROUPS)))
        .distinct()
        .order_by(attachment.c.policy_arn)
    )
)
_ONE_ATTACHED = (attachment.c.holder == bindparam("which"), attachment.c.policy_arn == bindparam("which_arn"))
_ATTACH = Statement(
    lambda: insert(attachment).values(
        holder=bindparam("which"), policy_arn=bindparam("which_arn"), account=bindparam("account")
    )
)
_DETACH = Statement(lambda: delete(attachment).where(*_ONE_ATTACHED))
_COUNT_ATTACHED = Statement(
    lambda: (
        select(func.count())
        .select_from(attachment)
        .where(attachment.c.account == bindparam("account"), attachment.c.policy_arn == bindparam("policy_arn"))
    )
)
_HOLDERS = Statement(
    lambda: (
        select(*entities.columns())  # type: ignore[call-overload]
        .join(attachment, attachment.c.holder == entity.c.id)
        .where(attachment.c.account == bindparam("account"), attachment.c.policy_arn == bindparam("policy_arn"))
        .order_by(entity.c.kind, entity.c.name_key)
    )
)


def inline_of(tx: Transaction, holder: str) -> dict[str, str]:
    """The inline policies of one holder: documents by name, in the order of names."""
    return {row[0]: row[1] for row in tx.rows(_INLINE, holder=holder)}


def inline_with_groups(tx: Transaction, holder: str) -> list[tuple[str, str, str]]:
    """(holder, name, document) of a holder's own inline policies and of those of its groups."""
    return [(row[0], row[1], row[2]) for row in tx.rows(_INLINE_WITH_GROUPS, holder=holder)]


def put_inline(tx: Transaction, holder: str, name: str, document: str) -> None:
    """Add or replace an inline policy."""
    if not tx.run(_UPDATE_INLINE, which=holder, which_name=name, document=document):
        tx.run(_INSERT_INLINE, which=holder, which_name=name, document=document)


def remove_inline(tx: Transaction, holder: str, name: str) -> int:
    """Delete an inline policy; answers 0 where there was none."""
    return tx.run(_DELETE_INLINE, which=holder, which_name=name)


def attached_to(tx: Transaction, holder: str) -> list[str]:
    """The ARNs of the managed policies attached to one holder."""
    return [row[0] for row in tx.rows(_ATTACHED, holder=holder)]


def attached_with_groups(tx: Transaction, holder: str) -> list[str]:
    """The ARNs of the managed policies attached to a holder or to any of its groups, each once."""
    return [row[0] for row in tx.rows(_ATTACHED_WITH_GROUPS, holder=holder)]


def attach(tx: Transaction, holder: Entity, policy_arn: str) -> None:
    """Attach a managed policy that is not attached yet."""
    tx.run(_ATTACH, which=holder.id, which_arn=policy_arn, account=holder.account)


def detach(tx: Transaction, holder: str, policy_arn: str) -> int:
    """Detach a managed policy; answers 0 where it was not attached."""
    return tx.run(_DETACH, which=holder, which_arn=policy_arn)


def count_attached(tx: Transaction, account: str, policy_arn: str) -> int:
    """To how many entities of an account a policy is attached."""
    row = tx.row(_COUNT_ATTACHED, account=account, policy_arn=policy_arn)
    return 0 if row is None else int(row[0])


def holders_of(tx: Transaction, account: str, policy_arn: str) -> list[Entity]:
    """To whom in an account a policy is attached, by kind and name."""
    return [entities.of_row(row) for row in tx.rows(_HOLDERS, account=account, policy_arn=policy_arn)]
