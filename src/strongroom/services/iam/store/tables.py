"""The tables of the ``iam`` room. IAM is global: rows have an account and no Region.

Users, groups, roles and managed policies are entities: they share names, paths, unique ids, tags and
boundaries. What only one kind has lies beside, by unique id. Unique ids are never used again, so nothing that
names a deleted entity can come to mean its successor.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from strongroom.kernel.storage.schema import METADATA, QUIET

entity = Table(
    "iam_entity",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("boundary", Text),
    Column("description", Text),
    UniqueConstraint("account", "kind", "name_key"),
)
"""``kind``: user, group, role, policy. ``name_key``: the name in lower case, for names are not told apart
by case. ``boundary``: the ARN of a managed policy.
"""

access_key = Table(
    "iam_access_key",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("user_id", Text, ForeignKey("iam_entity.id"), nullable=False, index=True),
    Column("status", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)
"""``sealed``: the secret access key under the keyring's purpose ``iam-access-key``, bound to the key's id."""

access_key_use = Table(
    "iam_access_key_use",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("used_ms", BigInteger, nullable=False),
    Column("service", Text, nullable=False),
    Column("region", Text, nullable=False),
    info=QUIET,
)
"""When a long-term key (by its id) or a role (by its unique id) was last used. Raises no generation."""

role = Table(
    "iam_role",
    METADATA,
    Column("id", Text, ForeignKey("iam_entity.id"), primary_key=True),
    Column("trust", Text, nullable=False),
    Column("max_session_s", Integer, nullable=False),
)
"""``trust``: the policy as ``kernel/authz/binding.py`` stores it."""

policy = Table(
    "iam_policy",
    METADATA,
    Column("id", Text, ForeignKey("iam_entity.id"), primary_key=True),
    Column("updated_ms", BigInteger, nullable=False),
    Column("default_version", Integer, nullable=False),
    Column("last_version", Integer, nullable=False),
)
"""``last_version``: the highest number ever given, for version ids are never used again."""

policy_version = Table(
    "iam_policy_version",
    METADATA,
    Column("policy_id", Text, ForeignKey("iam_policy.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("document", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
)

inline_policy = Table(
    "iam_inline_policy",
    METADATA,
    Column("holder", Text, ForeignKey("iam_entity.id"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("document", Text, nullable=False),
)

attachment = Table(
    "iam_attachment",
    METADATA,
    Column("holder", Text, ForeignKey("iam_entity.id"), primary_key=True),
    Column("policy_arn", Text, primary_key=True),
    Column("account", Text, nullable=False),
)
"""``policy_arn``: of this account or of AWS. ``account``: the holder's, so that AWS's policies are counted
per account.
"""

membership = Table(
    "iam_membership",
    METADATA,
    Column("group_id", Text, ForeignKey("iam_entity.id"), primary_key=True),
    Column("user_id", Text, ForeignKey("iam_entity.id"), primary_key=True, index=True),
)

mfa_device = Table(
    "iam_mfa_device",
    METADATA,
    Column("serial", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("name_key", Text, nullable=False),
    Column("user_id", Text, ForeignKey("iam_entity.id"), index=True),
    Column("enabled_ms", BigInteger),
    Column("drift", Integer, nullable=False),
    Column("last_step", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    UniqueConstraint("account", "name_key"),
)
"""``serial``: the ARN. ``sealed``: the seed under the keyring's purpose ``iam-mfa-seed``, bound to the serial.
``drift``: by how many steps the device runs ahead; ``last_step``: the step of the last code that was used, for
a code is used once.
"""

instance_profile_role = Table(
    "iam_instance_profile_role",
    METADATA,
    Column("profile_id", Text, ForeignKey("iam_entity.id"), primary_key=True),
    Column("role_id", Text, ForeignKey("iam_entity.id"), nullable=False, index=True),
)
"""The one role that an instance profile may have."""

login_profile = Table(
    "iam_login_profile",
    METADATA,
    Column("user_id", Text, ForeignKey("iam_entity.id"), primary_key=True),
    Column("created_ms", BigInteger, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
    Column("reset_required", Integer, nullable=False),
    Column("used_ms", BigInteger),
    Column("sealed", LargeBinary, nullable=False),
)
"""``used_ms``: when somebody last signed in with it; null for never. ``sealed``: the stretched passwords, newest
first, under the keyring's purpose ``iam-login-password``, bound to the user's id. ``reset_required``: 0 or 1.
"""

attempt = Table(
    "iam_attempt",
    METADATA,
    Column("subject", Text, primary_key=True),
    Column("failed", Integer, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
)
"""Wrong guesses in a row at a device (by its serial number) or a password (by its user's id), or from an address."""

account = Table(
    "iam_account",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("alias", Text, unique=True),
    Column("password_policy", Text),
    Column("report_ms", BigInteger),
)
"""What an account as a whole has set. ``alias``: unique over all accounts. ``password_policy``: JSON, None where
the account has none of its own. ``report_ms``: when a credential report was asked for last.
"""

openid_provider = Table(
    "iam_openid_provider",
    METADATA,
    Column("arn", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("client_ids", Text, nullable=False),
    Column("thumbprints", Text, nullable=False),
    UniqueConstraint("account", "issuer"),
)
"""``issuer``: the URL without its scheme. ``client_ids``, ``thumbprints``: JSON lists in the order given."""

tag = Table(
    "iam_tag",
    METADATA,
    Column("holder", Text, primary_key=True),
    Column("key_folded", Text, primary_key=True),
    Column("key", Text, nullable=False),
    Column("value", Text, nullable=False),
)
"""``holder``: the unique id of an entity, the serial number of an MFA device, the ARN of a provider.
``key_folded``: the key in lower case; tag keys of IAM are not told apart by case.
"""

Index("iam_attachment_policy", attachment.c.account, attachment.c.policy_arn)
Index("iam_entity_boundary", entity.c.account, entity.c.boundary)
