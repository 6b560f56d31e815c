"""The tables of the room and what one row of the two that matter is. Values and data keys come here sealed.

Labels are kept twice: one row each in ``secretsmanager_label``, whose primary key is what makes them
exclusive, and as a list beside the version, so that reading a value takes one joined row.
``versions.write_labels`` alone writes both. Tags likewise: rows for filters, a list beside the secret for
answers and condition keys; ``secrets.write_tags`` alone.
"""

from __future__ import annotations

from typing import NamedTuple

import orjson
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
    text,
)

from strongroom.kernel.storage.schema import METADATA, PARTIAL, QUIET, of_one
from strongroom.services.secretsmanager.rules.identifiers import secret_arn

secret = Table(
    "secretsmanager_secret",
    METADATA,
    Column("pk", Integer, primary_key=True),
    Column("account", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("suffix", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
    Column("accessed_day", BigInteger, nullable=False),  # midnight in ms; 0 until first read
    Column("deleted_ms", BigInteger),  # when it may be purged; null while it lives
    Column("kms_key_id", Text),  # as given; null for the default key
    Column("owning_service", Text),
    Column("type", Text),
    Column("tags", Text),  # [{"Key", "Value"}]; null until first tagged, [] once the last tag is gone
    Column("has_policy", Integer, nullable=False),
    Column("primary_region", Text),  # on a replicated secret and on its replicas
    Column("primary_pk", Integer, ForeignKey("secretsmanager_secret.pk")),  # on replicas only
    Column("rotation_lambda_arn", Text),
    Column("description", Text),
    Column("rotation_enabled", Integer),  # null until rotation is first configured
    Column("rotation_rules", Text),  # RotationRules as it is echoed
    Column("rotation_metadata", Text),  # ExternalSecretRotationMetadata
    Column("rotation_role_arn", Text),
    Column("rotated_ms", BigInteger),
    Column("next_rotation_ms", BigInteger),
    UniqueConstraint("account", "region", "name", name="secretsmanager_secret_name"),
    # A purged secret's number must never name another: caches and jobs know secrets by it.
    sqlite_autoincrement=True,
    info=of_one("pk", named_by=("account", "region", "name")),
)
Index("secretsmanager_secret_created", secret.c.account, secret.c.region, secret.c.created_ms, secret.c.pk)
Index("secretsmanager_secret_changed", secret.c.account, secret.c.region, secret.c.changed_ms, secret.c.pk)
Index("secretsmanager_secret_accessed", secret.c.account, secret.c.region, secret.c.accessed_day, secret.c.pk)
# Few secrets are copies.
_COPIES = secret.c.primary_pk.is_not(None)
Index("secretsmanager_secret_primary", secret.c.primary_pk, info={PARTIAL: _COPIES})
# Of secrets that rotate alone: among many others they are found without looking at those.
Index(
    "secretsmanager_secret_next_rotation",
    secret.c.account,
    secret.c.region,
    secret.c.next_rotation_ms,
    secret.c.primary_pk,
    info={PARTIAL: secret.c.next_rotation_ms.is_not(None)},
)
Index(
    "secretsmanager_secret_rotated",
    secret.c.account,
    secret.c.region,
    secret.c.name,
    info={PARTIAL: secret.c.rotation_enabled.is_not(None)},
)

version = Table(
    "secretsmanager_version",
    METADATA,
    Column("pk", Integer, primary_key=True),
    Column("secret_pk", Integer, ForeignKey("secretsmanager_secret.pk"), nullable=False),
    Column("version_id", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("accessed_day", BigInteger, nullable=False),
    Column("labels", Text, nullable=False),
    Column("form", Text),  # SecretString or SecretBinary; null where a rotation only reserved the id
    Column("sealed", LargeBinary),
    Column("wrapped", LargeBinary),  # the data key under the KMS key last set
    Column("kms_key_id", Text),  # that key as given; null for the default key
    UniqueConstraint("secret_pk", "version_id", name="secretsmanager_version_id"),
    sqlite_autoincrement=True,
    info=of_one("secret_pk"),
)
earlier_key = Table(
    "secretsmanager_earlier_key",
    METADATA,
    # The same data key under KMS keys set before: either opens the version, as AWS documents.
    Column("pk", Integer, primary_key=True),
    Column("secret_pk", Integer, ForeignKey("secretsmanager_secret.pk"), nullable=False),
    Column("version_pk", Integer, ForeignKey("secretsmanager_version.pk"), nullable=False, index=True),
    Column("kms_key_id", Text),
    Column("wrapped", LargeBinary, nullable=False),
    info=of_one("secret_pk"),
)
Index("secretsmanager_earlier_key_secret", earlier_key.c.secret_pk)
label = Table(
    "secretsmanager_label",
    METADATA,
    Column("secret_pk", Integer, ForeignKey("secretsmanager_secret.pk"), primary_key=True),
    Column("label", Text, primary_key=True),
    # No foreign key: it would want an index a label, for versions that go; those have none (versions.remove_versions).
    Column("version_pk", Integer, nullable=False),
    # Reading a value passes here: one tree to descend, not two.
    sqlite_with_rowid=False,
    info=of_one("secret_pk"),
)
tag = Table(
    "secretsmanager_tag",
    METADATA,
    Column("secret_pk", Integer, ForeignKey("secretsmanager_secret.pk"), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    # One tree, not a table and an index that repeats its key.
    sqlite_with_rowid=False,
    info=of_one("secret_pk"),
)
Index("secretsmanager_tag_key", tag.c.key, tag.c.secret_pk)
Index("secretsmanager_tag_value", tag.c.value, tag.c.secret_pk)
word = Table(
    "secretsmanager_word",
    METADATA,
    # Of the account two bytes (words.mark): a row is short, and there are many.
    Column("mark", Integer, primary_key=True, autoincrement=False),
    Column("word", Text, primary_key=True),
    Column("secret_pk", Integer, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
    info=of_one("secret_pk"),
)
"""Which words a secret's name, description and tags have, as ``store.words`` keeps them; it alone writes here."""
policy = Table(
    "secretsmanager_policy",
    METADATA,
    Column("secret_pk", Integer, ForeignKey("secretsmanager_secret.pk"), primary_key=True, autoincrement=False),
    Column("text", Text, nullable=False),
    info=of_one("secret_pk"),
)
replica = Table(
    "secretsmanager_replica",
    METADATA,
    Column("primary_pk", Integer, ForeignKey("secretsmanager_secret.pk"), primary_key=True),
    Column("region", Text, primary_key=True),
    Column("kms_key_id", Text),
    Column("status", Text, nullable=False),
    Column("status_message", Text),
    Column("secret_pk", Integer),  # the replica's own row, once there is one
)

count = Table(
    "secretsmanager_count",
    METADATA,
    Column("account", Text, primary_key=True),
    Column("region", Text, primary_key=True),
    Column("secrets", Integer, nullable=False),
    # Only calls that change it look at it, in the writer's place.
    info=QUIET,
)
rotation = Table(
    "secretsmanager_rotation",
    METADATA,
    Column("pk", Integer, primary_key=True),
    Column("secret_pk", Integer, ForeignKey("secretsmanager_secret.pk"), nullable=False),
    Column("version_id", Text, nullable=False),
    Column("test", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("began_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger),
    Column("attempts", Integer, nullable=False),  # that failed
    Column("next_ms", BigInteger),  # null once it has ended
    Column("token", LargeBinary, nullable=False),  # RotationToken, under the root key
    UniqueConstraint("secret_pk", "version_id", name="secretsmanager_rotation_version"),
    sqlite_autoincrement=True,
    info=QUIET,
)
UNSUCCESSFUL = text("state IN ('pending', 'failed')")
"""Rotations that may be a worry, in the very words of their index: engines know it by them."""
Index(
    "secretsmanager_rotation_unsuccessful",
    rotation.c.pk,
    info={PARTIAL: UNSUCCESSFUL},
)
attempt = Table(
    "secretsmanager_attempt",
    METADATA,
    # What went wrong, under the root key: texts of functions, values in them masked.
    Column("pk", Integer, primary_key=True),
    Column("rotation_pk", Integer, ForeignKey("secretsmanager_rotation.pk"), nullable=False, index=True),
    Column("began_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger, nullable=False),
    Column("step", Text),  # null where the server was stopped in it
    Column("told", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
    info=QUIET,
)


class Secret(NamedTuple):
    """One secret without its values.

    A tuple of the table's columns: reading one costs no more than the row.
    """

    pk: int
    account: str
    region: str
    name: str
    suffix: str
    created_ms: int
    changed_ms: int
    accessed_day: int
    deleted_ms: int | None
    kms_key_id: str | None
    owning_service: str | None
    type: str | None
    tags: str | None
    has_policy: int
    primary_region: str | None
    primary_pk: int | None
    rotation_lambda_arn: str | None
    description: str | None
    rotation_enabled: int | None
    rotation_rules: str | None
    rotation_metadata: str | None
    rotation_role_arn: str | None
    rotated_ms: int | None
    next_rotation_ms: int | None

    @property
    def arn(self) -> str:
        """The full ARN."""
        return secret_arn(self.account, self.region, self.name, self.suffix)

    @property
    def tag_list(self) -> list[dict[str, str]]:
        """The tags as they are answered: ``[{"Key", "Value"}]``, in the order they were first given."""
        return [] if self.tags is None else list(orjson.loads(self.tags))


def stages_of(labels: str) -> list[str]:
    """The labels of a version's column."""
    return ["AWSCURRENT"] if labels == _CURRENT_ALONE else list(orjson.loads(labels))


_CURRENT_ALONE = '["AWSCURRENT"]'
"""What most versions that are read have."""


class Version(NamedTuple):
    """One version. ``sealed`` and ``wrapped`` are ciphertext, which this module cannot open."""

    pk: int
    secret_pk: int
    version_id: str
    created_ms: int
    accessed_day: int
    labels: str
    form: str | None
    sealed: bytes | None
    wrapped: bytes | None
    kms_key_id: str | None

    @property
    def stages(self) -> list[str]:
        """The labels, sorted; [] for a deprecated version."""
        return stages_of(self.labels)


class Summary(NamedTuple):
    """One version as lists show it."""

    pk: int
    version_id: str
    created_ms: int
    accessed_day: int
    labels: str
    form: str | None
    kms_key_id: str | None
