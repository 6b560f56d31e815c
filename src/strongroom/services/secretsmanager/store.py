"""Secrets as rows: every table and every statement of the room. Values and data keys come here sealed.

Labels are kept twice: one row each in ``secretsmanager_label``, whose primary key is what makes them exclusive, and
as a list beside the version, so that reading a value takes one joined row. ``write_labels`` alone writes both.
Tags likewise: rows for filters, a list beside the secret for answers and condition keys; ``write_tags`` alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from sqlalchemy import (
    BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text, UniqueConstraint, and_, bindparam, delete,
    insert, select, update,
)

from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.kernel.storage.schema import METADATA
from strongroom.services.secretsmanager.rules.identifiers import SecretRef, secret_arn
from strongroom.services.secretsmanager.rules.labels import Labels, by_version

_BYTEWISE = Text().with_variant(Text(collation="C"), "postgresql")
"""Compared byte by byte on both engines: names sort, and prefixes are ranges, the same everywhere."""

secret = Table(
    "secretsmanager_secret",
    METADATA,
    Column("pk", Integer, primary_key=True),
    Column("account", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("name", _BYTEWISE, nullable=False),
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
)
Index("secretsmanager_secret_created", secret.c.account, secret.c.region, secret.c.created_ms, secret.c.pk)
Index("secretsmanager_secret_changed", secret.c.account, secret.c.region, secret.c.changed_ms, secret.c.pk)
Index("secretsmanager_secret_accessed", secret.c.account, secret.c.region, secret.c.accessed_day, secret.c.pk)
Index("secretsmanager_secret_primary", secret.c.primary_pk)

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
)
Index("secretsmanager_earlier_key_secret", earlier_key.c.secret_pk)
label = Table(
    "secretsmanager_label",
    METADATA,
    Column("secret_pk", Integer, ForeignKey("secretsmanager_secret.pk"), primary_key=True),
    Column("label", Text, primary_key=True),
    Column("version_id", Text, nullable=False),
)
tag = Table(
    "secretsmanager_tag",
    METADATA,
    Column("secret_pk", Integer, ForeignKey("secretsmanager_secret.pk"), primary_key=True),
    Column("key", _BYTEWISE, primary_key=True),
    Column("value", _BYTEWISE, nullable=False),
)
Index("secretsmanager_tag_key", tag.c.key, tag.c.secret_pk)
Index("secretsmanager_tag_value", tag.c.value, tag.c.secret_pk)
policy = Table(
    "secretsmanager_policy",
    METADATA,
    Column("secret_pk", Integer, ForeignKey("secretsmanager_secret.pk"), primary_key=True, autoincrement=False),
    Column("text", Text, nullable=False),
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


class Secret(NamedTuple):
    """One secret without its values. A tuple of the table's columns: reading one costs no more than the row."""

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
        return list(orjson.loads(self.labels))


class Summary(NamedTuple):
    """One version as lists show it."""

    pk: int
    version_id: str
    created_ms: int
    accessed_day: int
    labels: str
    form: str | None
    kms_key_id: str | None


_SECRET = [secret.c[name] for name in Secret._fields]
_VERSION = [version.c[name] for name in Version._fields]
_SUMMARY = [version.c[name] for name in Summary._fields]
_WIDTH = len(_SECRET)
_NAMED = and_(
    secret.c.account == bindparam("account"),
    secret.c.region == bindparam("region"),
    secret.c.name == bindparam("name"),
)
_OF_SECRET = bindparam("of_secret", type_=Integer)

_BY_NAME = Statement(select(*_SECRET).where(_NAMED))
_BY_PK = Statement(select(*_SECRET).where(secret.c.pk == _OF_SECRET))
_WITH_LABEL = Statement(
    select(*_SECRET, *_VERSION)
    .select_from(
        secret.outerjoin(label, and_(label.c.secret_pk == secret.c.pk, label.c.label == bindparam("wanted"))).outerjoin(
            version, and_(version.c.secret_pk == secret.c.pk, version.c.version_id == label.c.version_id)
        )
    )
    .where(_NAMED)
)
_WITH_VERSION = Statement(
    select(*_SECRET, *_VERSION)
    .select_from(
        secret.outerjoin(
            version, and_(version.c.secret_pk == secret.c.pk, version.c.version_id == bindparam("wanted"))
        )
    )
    .where(_NAMED)
)
_INSERT_SECRET = Statement(
    insert(secret)
    .values({name: bindparam(f"v_{name}") for name in Secret._fields if name != "pk"})
    .returning(secret.c.pk)
)
_INSERT_VERSION = Statement(
    insert(version).values({name: bindparam(f"v_{name}") for name in Version._fields if name != "pk"})
)
_FILL_VERSION = Statement(
    update(version)
    .where(version.c.secret_pk == _OF_SECRET, version.c.version_id == bindparam("at_version"))
    .values({name: bindparam(f"v_{name}") for name in ("form", "sealed", "wrapped", "kms_key_id")})
)
_VERSION_BY_ID = Statement(
    select(*_VERSION).where(version.c.secret_pk == _OF_SECRET, version.c.version_id == bindparam("wanted"))
)
_SUMMARIES = Statement(
    select(*_SUMMARY).where(version.c.secret_pk == _OF_SECRET).order_by(version.c.created_ms, version.c.pk)
)
_LABELS = Statement(select(label.c.label, label.c.version_id).where(label.c.secret_pk == _OF_SECRET))
_LABELS_OF_MANY = Statement(
    select(label.c.secret_pk, label.c.label, label.c.version_id).where(
        label.c.secret_pk.in_(bindparam("of_secrets", expanding=True))
    )
)
_UNLABEL = Statement(delete(label).where(label.c.secret_pk == _OF_SECRET, label.c.label == bindparam("at_label")))
_LABEL = Statement(insert(label).values({name: bindparam(f"v_{name}") for name in label.c.keys()}))  # noqa: SIM118
_VERSION_LABELS = Statement(
    update(version)
    .where(version.c.secret_pk == _OF_SECRET, version.c.version_id == bindparam("at_version"))
    .values(labels=bindparam("v_labels"))
)
_VERSION_READ = Statement(
    update(version).where(version.c.pk == bindparam("at_pk")).values(accessed_day=bindparam("v_day"))
)
_REWRAP = Statement(
    update(version)
    .where(version.c.pk == bindparam("at_pk"))
    .values(wrapped=bindparam("v_wrapped"), kms_key_id=bindparam("v_kms_key_id"))
)
_KEEP_EARLIER = Statement(
    insert(earlier_key).values(
        {name: bindparam(f"v_{name}") for name in ("secret_pk", "version_pk", "kms_key_id", "wrapped")}
    )
)
_EARLIER = Statement(
    select(earlier_key.c.kms_key_id, earlier_key.c.wrapped)
    .where(earlier_key.c.version_pk == bindparam("at_pk"))
    .order_by(earlier_key.c.pk.desc())
)
_EARLIER_OF_SECRET = Statement(
    select(earlier_key.c.version_pk, earlier_key.c.kms_key_id)
    .where(earlier_key.c.secret_pk == _OF_SECRET)
    .order_by(earlier_key.c.pk.desc())
)
_DROP_EARLIER = Statement(delete(earlier_key).where(earlier_key.c.version_pk == bindparam("at_pk")))
_DROP_VERSION = Statement(delete(version).where(version.c.pk == bindparam("at_pk")))
_UNTAG = Statement(delete(tag).where(tag.c.secret_pk == _OF_SECRET))
_TAG = Statement(insert(tag).values({name: bindparam(f"v_{name}") for name in tag.c.keys()}))  # noqa: SIM118
_POLICY = Statement(select(policy.c.text).where(policy.c.secret_pk == _OF_SECRET))
_DROP_POLICY = Statement(delete(policy).where(policy.c.secret_pk == _OF_SECRET))
_PUT_POLICY = Statement(insert(policy).values(secret_pk=bindparam("v_secret_pk"), text=bindparam("v_text")))
_REPLICA_REGIONS = Statement(
    select(replica.c.region).where(replica.c.primary_pk == _OF_SECRET).order_by(replica.c.region)
)
_PURGE = (
    Statement(delete(label).where(label.c.secret_pk == _OF_SECRET)),
    Statement(delete(earlier_key).where(earlier_key.c.secret_pk == _OF_SECRET)),
    Statement(delete(version).where(version.c.secret_pk == _OF_SECRET)),
    _UNTAG,
    _DROP_POLICY,
    Statement(delete(replica).where(replica.c.primary_pk == _OF_SECRET)),
    Statement(delete(secret).where(secret.c.pk == _OF_SECRET)),
)
_changes: dict[tuple[str, ...], Statement] = {}


def find_secret(tx: Transaction, ref: SecretRef) -> Secret | None:
    """The secret a reference points to, without any version."""
    row = tx.row(_BY_NAME, account=ref.account, region=ref.region, name=ref.name)
    if row is None or (ref.suffix is not None and row[4] != ref.suffix):
        return None
    return Secret._make(row)


def secret_by_pk(tx: Transaction, pk: int) -> Secret | None:
    """One secret by its number."""
    row = tx.row(_BY_PK, of_secret=pk)
    return None if row is None else Secret._make(row)


def find_value(
    tx: Transaction, ref: SecretRef, *, stage: str | None, version_id: str | None
) -> tuple[Secret, Version | None] | None:
    """A secret and one of its versions, by id or else by label, in one joined read. None where there is no secret."""
    if version_id is not None:
        row = tx.row(_WITH_VERSION, account=ref.account, region=ref.region, name=ref.name, wanted=version_id)
    else:
        row = tx.row(_WITH_LABEL, account=ref.account, region=ref.region, name=ref.name, wanted=stage)
    if row is None or (ref.suffix is not None and row[4] != ref.suffix):
        return None
    found = Secret._make(row[:_WIDTH])
    return (found, None) if row[_WIDTH] is None else (found, Version._make(row[_WIDTH:]))


def add_secret(tx: Transaction, values: Mapping[str, Any]) -> Secret:
    """Store a new secret; ``values`` are its columns, those left out being null (0 where that is not allowed)."""
    row = dict.fromkeys(Secret._fields[1:]) | {"accessed_day": 0, "has_policy": 0} | values
    answer = tx.row(_INSERT_SECRET, **{f"v_{name}": value for name, value in row.items()})
    if answer is None:
        raise RuntimeError("an insert answered no key")
    return Secret._make((answer[0], *row.values()))


def change_secret(tx: Transaction, pk: int, **values: Any) -> None:
    """Set columns of one secret. A statement for each set of columns is kept."""
    columns = tuple(sorted(values))
    statement = _changes.get(columns)
    if statement is None:
        statement = _changes[columns] = Statement(
            update(secret).where(secret.c.pk == _OF_SECRET).values({name: bindparam(f"v_{name}") for name in columns})
        )
    tx.run(statement, of_secret=pk, **{f"v_{name}": value for name, value in values.items()})


def add_version(tx: Transaction, values: Mapping[str, Any]) -> None:
    """Store a new version, without labels: ``write_labels`` gives it those."""
    row = dict.fromkeys(Version._fields[1:]) | {"accessed_day": 0, "labels": "[]"} | values
    tx.run(_INSERT_VERSION, **{f"v_{name}": value for name, value in row.items()})


def fill_version(tx: Transaction, secret_pk: int, version_id: str, values: Mapping[str, Any]) -> None:
    """Give a reserved version its value."""
    tx.run(
        _FILL_VERSION, of_secret=secret_pk, at_version=version_id,
        **{f"v_{name}": values[name] for name in ("form", "sealed", "wrapped", "kms_key_id")},
    )


def version_by_id(tx: Transaction, secret_pk: int, version_id: str) -> Version | None:
    """One version of a secret, with its ciphertext."""
    row = tx.row(_VERSION_BY_ID, of_secret=secret_pk, wanted=version_id)
    return None if row is None else Version._make(row)


def versions_of(tx: Transaction, secret_pk: int) -> list[Summary]:
    """Every version of a secret, oldest first, deprecated ones too."""
    return [Summary._make(row) for row in tx.rows(_SUMMARIES, of_secret=secret_pk)]


def labels_of(tx: Transaction, secret_pk: int) -> dict[str, str]:
    """Which version id each label of a secret is on."""
    return {name: version_id for name, version_id in tx.rows(_LABELS, of_secret=secret_pk)}


def labels_of_many(tx: Transaction, secret_pks: Sequence[int]) -> dict[int, dict[str, str]]:
    """The same for many secrets at once."""
    found: dict[int, dict[str, str]] = {pk: {} for pk in secret_pks}
    if secret_pks:
        for pk, name, version_id in tx.rows(_LABELS_OF_MANY, of_secrets=list(secret_pks)):
            found[pk][name] = version_id
    return found


def write_labels(tx: Transaction, secret_pk: int, before: Labels, after: Labels) -> None:
    """Store where labels are now, touching only those that moved and the versions they moved between."""
    moved = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    for name in sorted(moved & before.keys()):
        tx.run(_UNLABEL, of_secret=secret_pk, at_label=name)
    for name in sorted(moved & after.keys()):
        tx.run(_LABEL, v_secret_pk=secret_pk, v_label=name, v_version_id=after[name])
    stages = by_version(after)
    for version_id in sorted({holder[name] for holder in (before, after) for name in moved if name in holder}):
        text = orjson.dumps(stages.get(version_id, ())).decode()
        tx.run(_VERSION_LABELS, of_secret=secret_pk, at_version=version_id, v_labels=text)


def mark_read(tx: Transaction, secret_pk: int, version_pk: int, day_ms: int) -> None:
    """Set the last-accessed day of a secret and of the version that was read. Raises no generation."""
    tx.run(_VERSION_READ, at_pk=version_pk, v_day=day_ms)
    change_secret(tx, secret_pk, accessed_day=day_ms)


def add_wrapped(tx: Transaction, one: Version, *, kms_key_id: str | None, wrapped: bytes) -> None:
    """Put a data key wrapped under the newly set KMS key in front, keeping the copy there was."""
    tx.run(
        _KEEP_EARLIER, v_secret_pk=one.secret_pk, v_version_pk=one.pk, v_kms_key_id=one.kms_key_id,
        v_wrapped=one.wrapped,
    )
    tx.run(_REWRAP, at_pk=one.pk, v_wrapped=wrapped, v_kms_key_id=kms_key_id)


def earlier_wrapped(tx: Transaction, version_pk: int) -> list[tuple[str | None, bytes]]:
    """(key as given, wrapped data key) of the KMS keys set before, newest first."""
    return [(key_id, wrapped) for key_id, wrapped in tx.rows(_EARLIER, at_pk=version_pk)]


def earlier_key_ids(tx: Transaction, secret_pk: int) -> dict[int, list[str | None]]:
    """Under which earlier keys each version of a secret is wrapped too, newest first."""
    found: dict[int, list[str | None]] = {}
    for version_pk, key_id in tx.rows(_EARLIER_OF_SECRET, of_secret=secret_pk):
        found.setdefault(version_pk, []).append(key_id)
    return found


def remove_versions(tx: Transaction, version_pks: Iterable[int]) -> None:
    """Delete versions that carry no label, with every copy of their data keys."""
    for pk in version_pks:
        tx.run(_DROP_EARLIER, at_pk=pk)
        tx.run(_DROP_VERSION, at_pk=pk)


def write_tags(tx: Transaction, secret_pk: int, tags: Sequence[Mapping[str, str]], **also: Any) -> None:
    """Replace a secret's tags, and set other columns in the same statement."""
    tx.run(_UNTAG, of_secret=secret_pk)
    for one in tags:
        tx.run(_TAG, v_secret_pk=secret_pk, v_key=one["Key"], v_value=one["Value"])
    change_secret(tx, secret_pk, tags=orjson.dumps(list(tags)).decode(), **also)


def policy_text(tx: Transaction, secret_pk: int) -> str | None:
    """The resource policy as it was put."""
    row = tx.row(_POLICY, of_secret=secret_pk)
    return None if row is None else str(row[0])


def write_policy(tx: Transaction, secret_pk: int, text: str | None, **also: Any) -> None:
    """Replace or remove the resource policy. The caller raises the generation of compiled policies."""
    tx.run(_DROP_POLICY, of_secret=secret_pk)
    if text is not None:
        tx.run(_PUT_POLICY, v_secret_pk=secret_pk, v_text=text)
    change_secret(tx, secret_pk, has_policy=int(text is not None), **also)


def replica_regions(tx: Transaction, primary_pk: int) -> list[str]:
    """The Regions a secret is replicated to."""
    return [str(row[0]) for row in tx.rows(_REPLICA_REGIONS, of_secret=primary_pk)]


def purge(tx: Transaction, secret_pk: int) -> None:
    """Delete a secret for good: labels, wrapped keys, versions, tags, policy and the row itself."""
    for statement in _PURGE:
        tx.run(statement, of_secret=secret_pk)
